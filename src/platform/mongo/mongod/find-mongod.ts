import { execFile } from 'node:child_process';
import { access, constants, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';

/** The oldest server that the driver talks to. */
const OLDEST = { major: 4, minor: 2 };

/**
 * The first `mongod` on the PATH.
 * @throws Error whose message says why there is none: not found, can't be run, or too old for the driver.
 */
export async function findMongod(searchPath: string): Promise<string> {
  for (const dir of searchPath.split(delimiter)) {
    // A relative entry would depend on where the server is started from.
    if (!isAbsolute(dir)) continue;
    const candidate = join(dir, 'mongod');
    if (!(await isProgram(candidate))) continue;
    await checkVersion(candidate);
    return candidate;
  }
  throw new Error('there is none on the PATH');
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

async function checkVersion(program: string): Promise<void> {
  let output: string;
  try {
    output = (await promisify(execFile)(program, ['--version'], { timeout: 10_000 })).stdout;
  } catch (error) {
    throw new Error(`${program} can't be run`, { cause: error });
  }
  const version = /db version v(\d+)\.(\d+)/.exec(output);
  const major = Number(version?.[1] ?? 0);
  const minor = Number(version?.[2] ?? 0);
  if (major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor)) return;
  throw new Error(`${program} is too old: ${version?.[0] ?? 'it does not tell its version'}`);
}
