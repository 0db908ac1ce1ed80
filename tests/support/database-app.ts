/**
 * An app that only opens the database of a data folder, for tests that need more than one process.
 * Argument: `{ dataDir, path?, cacheDir?, aptDir? }` as JSON. Prints one JSON line when it is open, or when that
 * failed; lets go on SIGTERM.
 */
import { silentLogger } from '../../src/platform/logging/logger.js';
import { openDatabase } from '../../src/platform/mongo/provider.js';

type Options = { dataDir: string; path?: string; cacheDir?: string; aptDir?: string };

async function main({ dataDir, path, ...rest }: Options): Promise<void> {
  const config = { uri: null, embedded: true, dataDir };
  const database = await openDatabase({
    config,
    logger: silentLogger,
    path: path ?? process.env.PATH ?? '',
    ...rest,
  });
  // Holds the process, as a listening server would.
  const hold = setInterval(() => undefined, 60_000);
  process.once('SIGTERM', () => {
    clearInterval(hold);
    void database.close();
  });
  report({ open: { uri: database.uri, kind: database.kind, description: database.description } });
}

function report(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

main(JSON.parse(process.argv[2] ?? '{}') as Options).catch((error: unknown) => {
  report({ failed: error instanceof Error ? error.message : String(error) });
});
