import { parseArgs } from 'node:util';
import { loadConfig, type Config } from '../src/config/config.js';
import { readEnvironment } from '../src/config/environment.js';
import { createModels } from '../src/models/index.js';
import { migrate, missingIndexes } from '../src/models/migrate.js';
import { silentLogger } from '../src/platform/logging/logger.js';
import { connectMongo, type MongoConnection } from '../src/platform/mongo/connect.js';
import { openDatabase } from '../src/platform/mongo/provider.js';
import { explained } from './client/configured.js';
import { exitCode, runTool, Stop } from './client/stop.js';

const USAGE = `Makes what the database lacks of collections and indexes. Drops and changes nothing; may be repeated at any time,
also while servers run. A server in production does not start without it.

npm run migrate -- [--check]

  --check   only list what is missing, and exit 1 when anything is`;

const OPTIONS = { check: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;

await runTool(async () => {
  const { check, help } = optionsOf(process.argv.slice(2));
  if (help === true) {
    console.log(USAGE);
    return exitCode.ok;
  }
  return withDatabase(async ({ connection }, description) => {
    const models = createModels(connection);
    console.log(description);
    if (check !== true) await migrate(models, silentLogger);
    const missing = await missingIndexes(models);
    if (check !== true) console.log((await contents(connection)).join('\n'));
    if (missing.length === 0) {
      console.log('All indexes are in place.');
      return exitCode.ok;
    }
    console.log(['Missing:', ...missing.map((index) => `  ${index}`), 'Fix: npm run migrate'].join('\n'));
    return exitCode.failed;
  });
});

/** Opens the database as the server does: the configured one, or that of the data folder, also while a server has it. */
async function withDatabase(
  use: (mongo: MongoConnection, description: string) => Promise<number>,
): Promise<number> {
  const config = await explained(() => loadConfig(readEnvironment()));
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

/** One line per collection: how many documents, and the names of its indexes. */
async function contents(connection: MongoConnection['connection']): Promise<string[]> {
  const names = (await connection.listCollections()).map(({ name }) => name).sort();
  return Promise.all(
    names.map(async (name) => {
      const collection = connection.collection(name);
      const [documents, indexes] = await Promise.all([
        collection.estimatedDocumentCount(),
        collection.indexes(),
      ]);
      const indexed = indexes.map((index) => index.name).join(', ');
      return `  ${name.padEnd(14)} ${String(documents).padStart(9)} documents   ${indexed}`;
    }),
  );
}

function optionsOf(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS }).values;
  } catch (error) {
    throw new Stop(exitCode.usage, `${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  }
}
