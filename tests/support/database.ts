import { randomBytes } from 'node:crypto';
import { connect as connectTo } from 'node:net';
import { text } from 'node:stream/consumers';
import { connectMongo } from '../../src/platform/mongo/connect.js';
import type { MongoConnection } from '../../src/platform/mongo/connect.js';
import { silentLogger } from '../../src/platform/logging/logger.js';

export type TestDatabase = Readonly<{
  /** Names the fresh database: fit for MONGODB_URI of a server under test. */
  uri: string;
  /** Name of the fresh database. */
  database: string;
  /** A connection as the server makes it; closed by `close` when the test has not. */
  connect(): Promise<MongoConnection>;
  /** Drops the database and closes its connections. */
  close(): Promise<void>;
}>;

/** A fresh, empty database on the one real server of this jest run (see global-setup.mjs). */
export async function startTestDatabase(): Promise<TestDatabase> {
  const server = await askForServer();
  const database = `test_${process.pid}_${randomBytes(4).toString('hex')}`;
  const uri = withDatabase(server, database);
  const opened: MongoConnection[] = [];
  const connect = async (): Promise<MongoConnection> => {
    const mongo = await connectMongo({ uri, poolSize: 10, logger: silentLogger });
    opened.push(mongo);
    return mongo;
  };
  const close = async (): Promise<void> => {
    const mongo = await connect();
    await mongo.connection.dropDatabase();
    await Promise.all(opened.map((each) => each.close()));
  };
  return { uri, database, connect, close };
}

/** The address of the run's server, which starts now if we are the first to ask. */
async function askForServer(): Promise<string> {
  const path = process.env.PARLEY_TEST_DATABASE;
  if (!path) throw new Error('No test database: jest.config.mjs must name tests/support/global-setup.mjs.');
  const answer = JSON.parse(await text(connectTo(path))) as { uri?: string; failed?: string };
  if (!answer.uri) throw new Error(answer.failed ?? 'No test database.');
  return answer.uri;
}

/** Puts another database name into a connection string. */
function withDatabase(uri: string, database: string): string {
  const parts = /^(mongodb(?:\+srv)?:\/\/[^/?]+)(?:\/[^?]*)?(\?.*)?$/.exec(uri);
  if (!parts) throw new Error('MONGODB_URI is not a MongoDB address.');
  return `${parts[1]}/${database}${parts[2] ?? ''}`;
}
