import { ConfigError } from '../../src/config/config.js';
import { DatabaseUnavailable } from '../../src/platform/mongo/database.js';
import { exitCode, Stop } from './stop.js';

/** Mistakes in the configuration end a tool with the explanation that the server would give. */
export async function explained<T>(run: () => T | Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const known = error instanceof ConfigError || error instanceof DatabaseUnavailable;
    throw known ? new Stop(exitCode.config, error.message) : error;
  }
}
