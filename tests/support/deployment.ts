import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, type Logger } from '../../src/platform/logging/logger.js';
import type { MongoConnection } from '../../src/platform/mongo/connect.js';
import { startTestDatabase } from './database.js';
import { startRedis, type TestRedis } from './redis.js';
import { startServer, type TestServer } from './server.js';

export type DeploymentKind = 'one process' | 'two nodes';
export const deploymentKinds: readonly DeploymentKind[] = ['one process', 'two nodes'];

/** A server to test: one process with its own memory (`here` is `there`), or two nodes that share a Redis. */
export type Deployment = Readonly<{
  here: TestServer;
  there: TestServer;
  /** Null in one process. */
  redis: TestRedis | null;
  /** UPLOAD_PATH, which all nodes share. */
  uploads: string;
  /** A connection to the database behind the server's back, as the server makes it. */
  database(): Promise<MongoConnection>;
  close(): Promise<void>;
}>;

type Options = {
  env?: Record<string, string>;
  /** See `startServer`. */
  clock?: () => number;
  logger?: Logger;
  /** Puts something between the servers and their database. */
  mongoUri?: (real: string) => Promise<string>;
};

export async function deploy(kind: DeploymentKind, options: Options = {}): Promise<Deployment> {
  const database = await startTestDatabase();
  const redis = kind === 'two nodes' ? await startRedis() : null;
  const uploads = await mkdtemp(join(tmpdir(), 'parley-uploads-'));
  const server = {
    mongoUri: (await options.mongoUri?.(database.uri)) ?? database.uri,
    env: { UPLOAD_PATH: uploads, ...options.env },
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    logger: options.logger ?? silentLogger,
    ...(redis === null ? {} : { redisUrl: redis.url }),
  };
  const here = await startServer(server);
  const there = redis === null ? here : await startServer(server);
  return {
    ...{ here, there, redis, uploads },
    database: database.connect,
    close: async () => {
      await Promise.all([...new Set([here, there])].map((each) => each.close()));
      await redis?.stop();
      await database.close();
      await rm(uploads, { recursive: true, force: true });
    },
  };
}
