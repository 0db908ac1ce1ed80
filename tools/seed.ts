import { parseArgs } from 'node:util';
import { loadConfig } from '../src/config/config.js';
import { readEnvironment } from '../src/config/environment.js';
import { addressesFor } from './client/addresses.js';
import { explained } from './client/configured.js';
import { createPatience } from './client/patience.js';
import { createRest, unreachable } from './client/rest.js';
import { exitCode, runTool, Stop } from './client/stop.js';
import { startOwnServer } from './seed/own-server.js';
import { plant, type Planted } from './seed/plant.js';
import { PASSWORD, story } from './seed/story.js';

const USAGE = `Fills a server for development with people, chats and messages. Doing it again changes nothing.

npm run seed -- [--url URL] [--yes]

  --url URL   a running server (http://127.0.0.1 and PORT, 3001 by default); without it, and when nothing runs there, the
              data folder or database of the configuration is filled directly
  --yes       also where NODE_ENV is production: everybody knows the password of these people`;

const OPTIONS = {
  url: { type: 'string' },
  yes: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

await runTool(async () => {
  const { url, yes, help } = optionsOf(process.argv.slice(2));
  if (help === true) {
    console.log(USAGE);
    return exitCode.ok;
  }
  const env = readEnvironment();
  const config = await explained(() => loadConfig(env));
  if (config.env === 'production' && yes !== true) {
    throw new Stop(
      exitCode.usage,
      'NODE_ENV is production, and everybody knows the password of the people that this makes.\nFix: leave it, or add --yes.',
    );
  }
  const server = await serverAt(url ?? null, { env, port: config.server.port });
  try {
    const rest = createRest(
      server.url,
      createPatience((text) => console.error(text)),
    );
    tellOf(await plant(await story(), { rest, addresses: await addressesFor([server.url]) }));
    rest.close();
  } finally {
    await server.close();
  }
  return exitCode.ok;
});

/** The server to fill: the one named, else the one that runs here, else one of our own for a moment. */
async function serverAt(
  url: string | null,
  { env, port }: { env: NodeJS.ProcessEnv; port: number },
): Promise<{ url: string; close(): Promise<void> }> {
  const address = url ?? `http://127.0.0.1:${port}`;
  const patience = createPatience(() => undefined);
  const rest = createRest(address, patience);
  const isThere = await rest.isThere();
  rest.close();
  if (isThere) return { url: address, close: async () => undefined };
  if (url !== null) throw unreachable(url);
  console.error(`No server runs at ${address}: filling its database directly.`);
  return explained(() => startOwnServer(env));
}

function tellOf(planted: readonly Planted[]): void {
  for (const { name, messages, isNew, added } of planted) {
    const what = added === 0 ? 'as it was' : isNew ? 'new' : `${added} added`;
    console.log(`${name.padEnd(32)} ${String(messages).padStart(4)} messages   ${what}`);
  }
  console.log(`\nSign in as ann, bob or cyd with the password ${PASSWORD}`);
}

function optionsOf(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS }).values;
  } catch (error) {
    throw new Stop(exitCode.usage, `${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  }
}
