import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ConfigError } from './config.js';
import { codeOf } from './error-code.js';

/** Named as the variables are, so that a deployment which outgrows the file can copy its lines into its settings. */
const names = ['ACCESS_TOKEN_SECRET', 'REFRESH_TOKEN_SECRET', 'DATA_ENCRYPTION_KEY'] as const;
export type KeptSecrets = Readonly<Record<(typeof names)[number], string>>;

const secretBytes = 32;

function unusable(path: string, problem: string): ConfigError {
  const fix =
    'Let this user read and write it, or restore it from a backup. If it is lost, delete it: new secrets are made, ' +
    'everyone signs in again, and two-step sign-in is set up anew. Or set ACCESS_TOKEN_SECRET, REFRESH_TOKEN_SECRET ' +
    'and DATA_ENCRYPTION_KEY yourself.';
  return new ConfigError([{ variable: 'DATA_DIR', problem: `${path} ${problem}.`, fix }]);
}

function generate(): KeptSecrets {
  const secret = () => randomBytes(secretBytes).toString('base64');
  return { ACCESS_TOKEN_SECRET: secret(), REFRESH_TOKEN_SECRET: secret(), DATA_ENCRYPTION_KEY: secret() };
}

function parse(path: string, text: string): KeptSecrets {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw unusable(path, 'is damaged: it is not JSON');
  }
  const record = typeof content === 'object' && content !== null ? (content as Record<string, unknown>) : {};
  for (const name of names) {
    const value = record[name];
    if (typeof value !== 'string' || Buffer.from(value, 'base64').length !== secretBytes) {
      throw unusable(path, `is damaged: ${name} is not ${secretBytes} bytes in base64`);
    }
  }
  return record as KeptSecrets;
}

/** The text of the file, or null when there is none. */
async function readText(path: string): Promise<string | null> {
  for (let attempt = 0; ; attempt += 1) {
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return null;
      throw unusable(path, `cannot be read (${codeOf(error)})`);
    });
    // Empty for a moment only: another process has made it this instant and is writing (see `place`).
    if (text !== '' || attempt === 20) return text;
    await delay(25);
  }
}

async function tighten(path: string, warn: (text: string) => void): Promise<void> {
  // Windows answers modes that mean nothing.
  if (process.platform === 'win32' || ((await stat(path)).mode & 0o077) === 0) return;
  const done = await chmod(path, 0o600).then(
    () => 'it is now closed to them',
    (error: unknown) => `it could not be closed to them (${codeOf(error)})`,
  );
  warn(
    `${path} was open to other users of this machine; ${done}. Make new secrets if they are not to be trusted.`,
  );
}

async function writeNew(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Puts the complete file in place unless there is one already: a link is all or nothing, and never overwrites. */
async function place(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}-${randomBytes(4).toString('hex')}`;
  await writeNew(draft, text);
  try {
    await link(draft, path);
  } catch (error) {
    // Some shared folders know no links; creating exclusively is next best, and readers wait for the content.
    if (codeOf(error) !== 'EEXIST') await writeNew(path, text);
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * The secrets kept in this file, made now if there is none. Mode 600, in a folder of mode 700 if that had to be made
 * (an existing folder is left as it is: it may be someone's home or /tmp). Of several processes that start at once
 * one writes and all get the same.
 *
 * @throws ConfigError when the file is damaged or can't be read or written; it is never replaced
 */
export async function openSecretsFile(path: string, warn: (text: string) => void): Promise<KeptSecrets> {
  const existing = await readText(path);
  if (existing === null) {
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await place(path, `${JSON.stringify(generate(), null, 2)}\n`);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw unusable(path, `cannot be written (${codeOf(error)})`);
    }
  } else {
    await tighten(path, warn);
  }
  // Read again, also by the writer: what counts is what lies there.
  const text = existing ?? (await readText(path));
  if (text === null) throw unusable(path, 'vanished while it was being made');
  return parse(path, text);
}
