/**
 * The MongoDB that all contenders of a run share: one given by address, or the one that Parley itself would start
 * (its provider, from the build).
 */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { MongoClient } from 'mongodb';

const PROVIDER = path.join(import.meta.dirname, '../../dist/src/platform/mongo/provider.js');

/**
 * @param {string} folder where a started engine keeps its data
 * @param {{ mongoUri?: string, mongoPid?: number }} given
 * @returns {Promise<{ pid: number | null, uriFor: (database: string) => string, close: () => Promise<void> }>}
 *   `pid` is null when it is not known: database CPU is then not shown. A database is this run's own, and dropped by `close`.
 */
export async function openEngine(folder, { mongoUri, mongoPid }) {
  if (mongoUri !== undefined) return describe({ uri: mongoUri, close: async () => {} }, mongoPid);
  const { openDatabase } = await import(pathToFileURL(PROVIDER).href).catch(() => {
    throw new Error(
      'There is no build to start a database with: `npm run build` first, or give --mongo-uri.',
    );
  });
  let pid;
  const ignore = () => {};
  const logger = {
    debug: ignore,
    warn: ignore,
    error: console.error,
    info: (_text, facts) => (pid = facts?.pid ?? pid),
  };
  const config = { uri: null, embedded: true, dataDir: folder };
  return describe(await openDatabase({ config, logger, path: process.env.PATH ?? '' }), pid);
}

function describe({ uri, close }, pid) {
  const run = randomBytes(3).toString('hex');
  const used = new Set();
  const uriFor = (database) => {
    used.add(database);
    return uri.replace(/^(mongodb(?:\+srv)?:\/\/[^/?]+)\/?[^?]*/, `$1/${database}_${run}`);
  };
  return {
    pid: pid ?? null,
    uriFor,
    close: async () => {
      for (const database of used) await drop(uriFor(database));
      await close();
    },
  };
}

async function drop(uri) {
  const client = await MongoClient.connect(uri);
  await client.db().dropDatabase();
  await client.close();
}
