import { readFileSync } from 'node:fs';
import { banner } from './app/banner.js';
import { createApp } from './app/create-app.js';
import { createLifecycle } from './app/lifecycle.js';
import { handleSignals } from './app/signals.js';
import { NotAlone } from './app/sole-process.js';
import { ConfigError, loadConfig, type Config } from './config/config.js';
import { readEnvironment } from './config/environment.js';
import { createLogger } from './platform/logging/winston-logger.js';
import { DatabaseUnavailable } from './platform/mongo/database.js';

/** sysexits.h: the configuration is wrong. Supervisors need not try again. */
const EX_CONFIG = 78;

const config = configure();
const logger = createLogger({
  level: config.log.level,
  dir: config.data.logDir,
  development: config.env !== 'production',
  nodeName: config.server.nodeName,
});
for (const warning of config.warnings) logger.warn(warning);

const lifecycle = createLifecycle({ logger });
const leave = (code: number): void => void logger.close().then(() => process.exit(code));
handleSignals({ lifecycle, logger, exit: leave });

try {
  const version = versionOf();
  const app = await createApp({ config, logger, lifecycle, version });
  process.stdout.write(banner({ config, version, ...app }));
  process.send?.('ready');
} catch (error) {
  await lifecycle.shutdown('start failed');
  if (error instanceof NotAlone || error instanceof ConfigError || error instanceof DatabaseUnavailable) {
    process.stderr.write(`${error.message}\n`);
    leave(EX_CONFIG);
  } else if (isListenError(error)) {
    process.stderr.write(
      `Parley cannot listen on ${config.server.host}:${config.server.port}: ${listenProblem(error)}.\n` +
        'Fix: stop what uses that port, or set PORT (and HOST) to one that is free.\n',
    );
    leave(1);
  } else {
    logger.error('the server could not start', { error });
    leave(1);
  }
}

function configure(): Config {
  try {
    return loadConfig(readEnvironment());
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EX_CONFIG);
  }
}

function listenProblem({ code }: NodeJS.ErrnoException): string {
  if (code === 'EADDRINUSE') return 'the port is in use';
  return code === 'EACCES' ? 'this user may not use that port' : String(code);
}

function isListenError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && error.syscall === 'listen';
}

/** package.json lies one folder above src, and two above dist/src. */
function versionOf(): string {
  for (const place of ['../package.json', '../../package.json']) {
    try {
      return (JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8')) as { version: string })
        .version;
    } catch {
      // The next place.
    }
  }
  return 'unknown';
}
