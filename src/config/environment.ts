import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { ConfigError } from './config.js';
import { codeOf } from './error-code.js';

/**
 * The environment of this process over the `.env` file of `cwd`, if there is one. What is really set wins, even when
 * it is empty: `REDIS_URL= npm start` switches off what the file switches on. `process.env` itself is left as it is.
 *
 * @throws ConfigError when there is a `.env` that can't be read
 */
export function readEnvironment(cwd: string = process.cwd()): NodeJS.ProcessEnv {
  const path = join(cwd, '.env');
  try {
    return { ...parseEnv(readFileSync(path, 'utf8')), ...process.env };
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return { ...process.env };
    const fix = 'Let this user read the file, or remove it.';
    throw new ConfigError([{ variable: '.env', problem: `${path} cannot be read (${code}).`, fix }]);
  }
}
