import type { Config } from '../../src/config/config.js';
import { silentLogger } from '../../src/platform/logging/logger.js';
import { connectMongo, type MongoConnection } from '../../src/platform/mongo/connect.js';
import { openDatabase } from '../../src/platform/mongo/provider.js';
import { explained } from './configured.js';
import { exitCode, Stop } from './stop.js';

/** Opens the database as the server does: the configured one, or that of the data folder, also while a server has it. */
export async function withDatabase<T>(
  config: Config,
  use: (mongo: MongoConnection, description: string) => Promise<T>,
): Promise<T> {
  const database = await explained(() =>
    openDatabase({
      config: { uri: config.mongo.uri, embedded: config.data.embedded, dataDir: config.data.dir },
      logger: silentLogger,
      path: config.path,
    }),
  );
  try {
    const mongo = await connected(config, database);
    try {
      return await use(mongo, database.description);
    } finally {
      await mongo.close();
    }
  } finally {
    await database.close();
  }
}

async function connected(
  { mongo }: Config,
  { uri, description }: { uri: string; description: string },
): Promise<MongoConnection> {
  try {
    return await connectMongo({
      uri,
      database: mongo.database,
      poolSize: mongo.poolSize,
      logger: silentLogger,
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Stop(exitCode.unavailable, `${description} does not answer: ${why}`);
  }
}
