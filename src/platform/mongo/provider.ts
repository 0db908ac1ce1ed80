import { homedir } from 'node:os';
import { join } from 'node:path';
import { candidatesFor } from './candidates.js';
import type { Candidate } from './candidates.js';
import { DatabaseUnavailable } from './database.js';
import type { Database, DatabaseDeps, OwnKind, Refusal } from './database.js';
import { attachToEngine } from './engine/attachment.js';
import type { ControlLink } from './engine/control-link.js';
import { ensurePrivateDir, prepareEngineFiles } from './engine/engine-files.js';
import type { EngineFiles } from './engine/engine-files.js';
import { launchEngine } from './engine/launch.js';

const LINGER_MS = 1_000;

/**
 * Finds a database, or starts one: the configured server; else a `mongod` from the PATH, the embedded engine,
 * or a downloaded `mongod`, in this order, with its files in the data folder (the folder that has data already
 * decides). A database of our own runs in one process that all apps with the same data folder share; it ends
 * with the last of them, and is replaced, at the same address, when it crashes. Every write acknowledged with
 * `j: true` survives that.
 *
 * A database of our own is one standalone server on a unix socket. It may lack what a replica set has, and the
 * embedded engine does: no transactions or sessions, no change streams, no TTL monitor (expired documents stay
 * until a sweeper deletes them), no `collMod`, no server-side JavaScript, no authentication. Parley needs none.
 * @throws DatabaseUnavailable with every reason and the fix.
 */
export async function openDatabase(deps: DatabaseDeps): Promise<Database> {
  const { config, logger } = deps;
  if (config.uri !== null) return external(config.uri);
  if (!config.embedded) {
    throw new DatabaseUnavailable(
      'No database is configured.',
      [],
      'Fix: set MONGODB_URI=mongodb://host:27017/parley, or EMBEDDED=allow to let Parley run a database of its own.',
    );
  }
  if (process.platform === 'win32')
    throw new DatabaseUnavailable('Parley runs no database of its own on Windows.');

  const files = await prepareEngineFiles(config.dataDir).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DatabaseUnavailable(
      `The data folder ${config.dataDir} can't be used: ${reason}`,
      [],
      'Fix: set DATA_DIR to a folder that belongs to the user who runs Parley, or set MONGODB_URI.',
    );
  });
  const start = (): Promise<ControlLink | null> => startFirstPossible(deps, files);
  const attachment = await attachToEngine({ files, start, logger });
  const { kind, dbDir, pid } = attachment.hello;
  const description = describe(kind, dbDir);
  logger.info('The database is open.', { kind, pid, dbDir });
  return {
    uri: `mongodb://${encodeURIComponent(files.mongoSocket)}/parley?directConnection=true`,
    kind,
    description,
    close: () => attachment.close(),
  };
}

function external(uri: string): Database {
  return { uri, kind: 'external', description: `MongoDB at ${hostsOf(uri)}`, close: async () => undefined };
}

/** The hosts of a connection string, without credentials and options. */
function hostsOf(uri: string): string {
  const authority = /^mongodb(?:\+srv)?:\/\/([^/?]*)/.exec(uri)?.[1] ?? '';
  return decodeURIComponent(authority.slice(authority.lastIndexOf('@') + 1));
}

function describe(kind: OwnKind, dbDir: string): string {
  const names = {
    mongod: 'mongod of this system',
    embedded: 'embedded engine',
    download: 'downloaded mongod',
  };
  return `${names[kind]} in ${dbDir}`;
}

/** Null: the data folder is open in another process that is starting or ending just now. */
async function startFirstPossible(deps: DatabaseDeps, files: EngineFiles): Promise<ControlLink | null> {
  const candidates = await candidatesFor({
    dataDir: files.dataDir,
    path: deps.path,
    cacheDir: deps.cacheDir ?? join(homedir(), '.cache', 'parley'),
    aptDir: deps.aptDir ?? '/etc/apt',
    logger: deps.logger,
  });
  const refusals: Refusal[] = [];
  for (const candidate of candidates) {
    try {
      return await startCandidate(candidate, { deps, files });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      deps.logger.debug('A way to have a database was refused.', { provider: candidate.name, reason, error });
      refusals.push({ provider: candidate.name, reason });
    }
  }
  throw new DatabaseUnavailable('No database could be started.', refusals);
}

async function startCandidate(
  candidate: Candidate,
  { deps, files }: { deps: DatabaseDeps; files: EngineFiles },
): Promise<ControlLink | null> {
  const recipe = await candidate.prepare();
  // Again, because a temporary folder may have been tidied away since.
  await ensurePrivateDir(files.socketDir);
  return launchEngine(recipe, { files, lingerMs: deps.lingerMs ?? LINGER_MS });
}
