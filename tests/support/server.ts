import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp } from '../../src/app/create-app.js';
import { createLifecycle } from '../../src/app/lifecycle.js';
import { loadConfig } from '../../src/config/config.js';
import { silentLogger, type Logger } from '../../src/platform/logging/logger.js';

/** A whole server in this process, on a free port: the same composition root as `npm start`. */
export type TestServer = Readonly<{ url: string; close(): Promise<void> }>;

export type ServerOptions = {
  /** Of `startTestDatabase()`: two servers with one URI are two nodes of one deployment (then give both a Redis). */
  mongoUri: string;
  redisUrl?: string;
  /** Further variables, as in `.env`. */
  env?: Record<string, string>;
  /** The time as services see it; not that of the key store, of tokens and of limits. */
  clock?: () => number;
  logger?: Logger;
};

/** Limits are wide open unless `env` says otherwise: RATE_LIMIT_SCALE=1000, cheap password hashes. */
export async function startServer({
  mongoUri,
  redisUrl,
  env = {},
  clock,
  logger = silentLogger,
}: ServerOptions): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'parley-server-'));
  const config = loadConfig(
    {
      NODE_ENV: 'test',
      PORT: '0',
      DATA_DIR: join(folder, 'data'),
      UPLOAD_PATH: join(folder, 'uploads'),
      LOG_DIR: 'off',
      BCRYPT_COST: '4',
      RATE_LIMIT_SCALE: '1000',
      MONGODB_URI: mongoUri,
      // One secret for all: nodes of one deployment must accept each other's tokens.
      JWT_SECRET: 'a secret of the tests, long enough to be taken for a real one',
      ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }),
      ...env,
    },
    { cwd: folder },
  );
  const lifecycle = createLifecycle({ logger });
  try {
    const app = await createApp({
      ...{ config, logger, lifecycle, version: 'test' },
      ...(clock === undefined ? {} : { clock }),
    });
    return {
      url: app.url,
      close: async () => {
        await lifecycle.shutdown('end of the test');
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await lifecycle.shutdown('start failed');
    throw error;
  }
}
