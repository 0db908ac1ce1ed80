import mongoose from 'mongoose';
import type { Connection } from 'mongoose';
import type { Logger } from '../logging/logger.js';
import { guardDriver } from './driver-guard.js';

export type MongoConnection = Readonly<{
  /** Models are made on this connection, never on mongoose's global one. */
  connection: Connection;
  /** Milliseconds for one round trip. Rejects when the database is out of reach, after 5 s at most. */
  ping(): Promise<number>;
  close(): Promise<void>;
}>;

type ConnectOptions = Readonly<{
  uri: string;
  /** Default: the one named in the uri, else `parley`. */
  database?: string;
  /** Connections at most, 50 by default; more commands at once wait for one. */
  poolSize?: number;
  logger: Logger;
}>;

const DEFAULT_POOL_SIZE = 50;
/** How long a command waits for a server, or for a free connection, before it fails. */
const PATIENCE_MS = 5_000;
/** Longer than any command of ours may take; ends connections whose other side has vanished. */
const SOCKET_TIMEOUT_MS = 45_000;

/**
 * Connects to MongoDB with the rules that hold for every query of Parley: operators in values from outside are
 * defused, conditions on unknown fields are errors, nothing is created behind our back (`npm run migrate` does),
 * and a write is acknowledged when the journal of a majority has it.
 *
 * Commands during an outage wait up to 5 s for the server to come back; writes in flight when it went away fail,
 * and are not repeated, because a standalone server can't tell a repeated write from a second one.
 * @throws Error of the driver when no server answers within 5 s.
 */
export async function connectMongo({
  uri,
  database,
  poolSize,
  logger,
}: ConnectOptions): Promise<MongoConnection> {
  guardDriver();
  const instance = new mongoose.Mongoose();
  instance.set('sanitizeFilter', true);
  instance.set('strictQuery', 'throw');
  instance.set('autoIndex', false);
  instance.set('autoCreate', false);
  // The driver waits for the server by itself; a second queue in front of it would only hide for how long.
  instance.set('bufferCommands', false);
  const connection = instance.createConnection(uri, {
    ...databaseOption(uri, database),
    appName: 'parley',
    maxPoolSize: poolSize ?? DEFAULT_POOL_SIZE,
    serverSelectionTimeoutMS: PATIENCE_MS,
    waitQueueTimeoutMS: PATIENCE_MS,
    socketTimeoutMS: SOCKET_TIMEOUT_MS,
    writeConcern: { w: 'majority', journal: true },
  });
  let closing = false;
  connection.on('disconnected', () => {
    if (!closing) logger.warn('The connection to MongoDB is lost.');
  });
  connection.on('reconnected', () => logger.info('The connection to MongoDB is back.'));
  // Without a listener an error event would end the process; every command reports its own failure.
  connection.on('error', (error: unknown) =>
    logger.error('The connection to MongoDB reports an error.', { error }),
  );
  const close = async (): Promise<void> => {
    closing = true;
    await connection.close();
  };
  await connection.asPromise().catch(async (error: unknown) => {
    await close().catch(() => undefined);
    throw error;
  });
  return { connection, ping: () => ping(connection), close };
}

function databaseOption(uri: string, database: string | undefined): { dbName?: string } {
  if (database !== undefined) return { dbName: database };
  const named = /^mongodb(?:\+srv)?:\/\/[^/]*\/[^?]/.test(uri);
  return named ? {} : { dbName: 'parley' };
}

async function ping(connection: Connection): Promise<number> {
  if (!connection.db) throw new Error('The connection to MongoDB is closed.');
  const start = performance.now();
  await connection.db.command({ ping: 1 });
  return performance.now() - start;
}
