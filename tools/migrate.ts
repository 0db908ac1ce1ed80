import { parseArgs } from 'node:util';
import { loadConfig } from '../src/config/config.js';
import { readEnvironment } from '../src/config/environment.js';
import { createModels } from '../src/models/index.js';
import { migrate, missingIndexes } from '../src/models/migrate.js';
import { silentLogger } from '../src/platform/logging/logger.js';
import type { MongoConnection } from '../src/platform/mongo/connect.js';
import { explained } from './client/configured.js';
import { withDatabase } from './client/database.js';
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
  const config = await explained(() => loadConfig(readEnvironment()));
  return withDatabase(config, async ({ connection }, description) => {
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
