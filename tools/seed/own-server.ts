import { createApp } from '../../src/app/create-app.js';
import { createLifecycle } from '../../src/app/lifecycle.js';
import { NotAlone } from '../../src/app/sole-process.js';
import { loadConfig } from '../../src/config/config.js';
import { silentLogger, type Logger } from '../../src/platform/logging/logger.js';
import { exitCode, Stop } from '../client/stop.js';

/** The server itself, in this process and on a free port, for as long as a tool needs it. */
export async function startOwnServer(
  env: NodeJS.ProcessEnv,
): Promise<{ url: string; close(): Promise<void> }> {
  // Nobody reads mail here, and the port of the real server stays free.
  const config = loadConfig({ ...env, PORT: '0', HOST: '127.0.0.1', EMAIL_VERIFICATION: 'off' });
  const logger: Logger = {
    ...silentLogger,
    error: (text, fields) => console.error(text, fields?.error ?? ''),
  };
  const lifecycle = createLifecycle({ logger });
  const close = async (): Promise<void> => void (await lifecycle.shutdown('done'));
  try {
    const { url } = await createApp({ config, logger, lifecycle, version: 'seed' });
    return { url, close };
  } catch (error) {
    await close();
    if (!(error instanceof NotAlone)) throw error;
    throw new Stop(exitCode.unavailable, `${error.message}\nOr give the address of that one with --url.`);
  }
}
