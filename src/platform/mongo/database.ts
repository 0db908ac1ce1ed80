import type { Logger } from '../logging/logger.js';

export type DatabaseConfig = Readonly<{
  /** `mongodb://…` or `mongodb+srv://…`; null: find or start one. */
  uri: string | null;
  /** May a database of our own stand in for one that was not configured? */
  embedded: boolean;
  /** Absolute. Made (mode 0700) when it is not there. */
  dataDir: string;
}>;

/** Who serves: a configured server, `mongod` from the PATH, the embedded engine, or a downloaded `mongod`. */
export type DatabaseKind = 'external' | OwnKind;
export type OwnKind = 'mongod' | 'embedded' | 'download';

export type Database = Readonly<{
  /** Stays the same for as long as the database is open, also when its process is replaced after a crash. */
  uri: string;
  kind: DatabaseKind;
  /** For the start banner, such as `embedded engine in /srv/parley/data/db`. Never holds credentials. */
  description: string;
  /**
   * Lets go of it. When no other process uses it, its own process ends cleanly before this resolves
   * (10 s at most). Never rejects. An external server is left alone.
   */
  close(): Promise<void>;
}>;

export type DatabaseDeps = Readonly<{
  config: DatabaseConfig;
  logger: Logger;
  /** The PATH to look for `mongod` on. */
  path: string;
  /** Where downloads are kept for later starts of any copy; default `~/.cache/parley`. */
  cacheDir?: string;
  /** Folder with the machine's apt sources; default `/etc/apt`. */
  aptDir?: string;
  /** Waits until nobody has used our process for so long before it ends; default 1,000 ms. */
  lingerMs?: number;
}>;

export type Refusal = Readonly<{ provider: string; reason: string }>;

const fix =
  'Fix: set MONGODB_URI=mongodb://host:27017/parley to use a MongoDB server, or install mongod where the PATH finds it.';

/** No database can be had. The message is for the person who starts the server: what was tried, and the fix. */
export class DatabaseUnavailable extends Error {
  readonly refusals: readonly Refusal[];

  constructor(headline: string, refusals: readonly Refusal[] = [], advice: string = fix) {
    super([headline, ...refusals.map((r) => `  - ${r.provider}: ${r.reason}`), advice].join('\n'));
    this.name = 'DatabaseUnavailable';
    this.refusals = refusals;
  }
}
