import { rm } from 'node:fs/promises';

/** Ends what global-setup.mjs has started. */
export default async function globalTeardown() {
  const { server, database, dataDir } = globalThis.parleyTestDatabase;
  server.close();
  await database?.then(
    (opened) => opened.close(),
    () => undefined,
  );
  await rm(dataDir, { recursive: true, force: true });
}
