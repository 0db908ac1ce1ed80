/**
 * One database for the whole jest run: MONGODB_URI when it is set, else the server's own provider in a fresh
 * folder. It starts when the first test file asks for it, so that runs without a database pay nothing. Test
 * files ask by `startTestDatabase()`, which connects to the unix socket below and reads the address.
 */
import { mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export default async function globalSetup() {
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-test-'));
  const shared = { dataDir, server: createServer(), database: undefined };
  shared.server.on('connection', (socket) => {
    shared.database ??= openTestDatabase(dataDir);
    shared.database.then(
      ({ uri }) => socket.end(JSON.stringify({ uri })),
      (error) => socket.end(JSON.stringify({ failed: String(error) })),
    );
    socket.on('error', () => undefined);
  });
  const path = join(dataDir, 'ask.sock');
  await new Promise((resolve, reject) => shared.server.once('error', reject).listen(path, resolve));
  process.env.PARLEY_TEST_DATABASE = path;
  // Jest calls the teardown in this very process, and has no other way to hand something over.
  globalThis.parleyTestDatabase = shared;
}

async function openTestDatabase(dataDir) {
  const { tsImport } = await import('tsx/esm/api');
  const { openDatabase } = await tsImport('../../src/platform/mongo/provider.ts', import.meta.url);
  const quiet = () => undefined;
  const logger = { debug: quiet, info: quiet, warn: console.warn, error: console.error, child: () => logger };
  const config = { uri: process.env.MONGODB_URI || null, embedded: true, dataDir };
  return openDatabase({ config, logger, path: process.env.PATH ?? '' });
}
