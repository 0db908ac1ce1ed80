import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { ConfigError, loadConfig } from '../../src/config/config.js';
import { loadSecrets, type Secrets } from '../../src/config/secrets.js';
import { otherStrong, strong, type Env } from '../support/config-env.js';

const root = mkdtempSync(join(tmpdir(), 'parley-secrets-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const scene = { count: 0 };
/** A data folder that does not exist yet. */
const freshDir = () => join(root, String((scene.count += 1)), 'data');
const secretsOf = (dir: string, env: Env = {}, warn?: (text: string) => void) =>
  loadSecrets(loadConfig({ DATA_DIR: dir, ...env }), warn);
const texts = (secrets: Secrets) =>
  [secrets.access, secrets.refresh, secrets.dataEncryption].map((keys) =>
    keys.map((key) => key.export().toString('hex')),
  );
const mode = (path: string) => statSync(path).mode & 0o777;

describe('secrets that were not configured', () => {
  it('are made once, differ, and stay', async () => {
    const dir = freshDir();
    const first = await secretsOf(dir);
    expect(first.generated).toBe(true);
    expect(new Set(texts(first).flat()).size).toBe(3);
    expect(first.dataEncryption[0]?.symmetricKeySize).toBe(32);
    expect(texts(await secretsOf(dir))).toEqual(texts(first));
    expect(texts(await secretsOf(freshDir()))).not.toEqual(texts(first));
  });

  it('lie where only their owner can read them, and nothing else is left there', async () => {
    const dir = freshDir();
    await secretsOf(dir);
    expect([mode(dir), mode(join(dir, 'secrets.json'))]).toEqual([0o700, 0o600]);
    expect(readdirSync(dir)).toEqual(['secrets.json']);
  });

  it('are the same for all who start at once', async () => {
    const dir = freshDir();
    const all = await Promise.all(Array.from({ length: 20 }, () => secretsOf(dir)));
    expect(new Set(all.map((secrets) => JSON.stringify(texts(secrets)))).size).toBe(1);
    expect(readdirSync(dir)).toEqual(['secrets.json']);
  });

  it('mean the same when they are copied into the settings', async () => {
    const dir = freshDir();
    const generated = await secretsOf(dir);
    const kept = JSON.parse(readFileSync(join(dir, 'secrets.json'), 'utf8')) as Env;
    const configured = await secretsOf(freshDir(), kept);
    expect(configured.generated).toBe(false);
    expect(texts(configured).map((keys) => keys[0])).toEqual(texts(generated).map((keys) => keys[0]));
  });

  it('are made only for what is missing', async () => {
    const dir = freshDir();
    const mixed = await secretsOf(dir, { ACCESS_TOKEN_SECRET: strong });
    expect(mixed.access[0]?.export().toString()).toBe(strong);
    expect(mixed.generated).toBe(true);
    expect(texts(mixed)[1]).toEqual(texts(await secretsOf(dir))[1]);
  });
});

describe('the file', () => {
  it('is closed to others, with a warning, when it was open to them', async () => {
    const dir = freshDir();
    const before = await secretsOf(dir);
    chmodSync(join(dir, 'secrets.json'), 0o644);
    const warnings: string[] = [];
    expect(texts(await secretsOf(dir, {}, (text) => warnings.push(text)))).toEqual(texts(before));
    expect(mode(join(dir, 'secrets.json'))).toBe(0o600);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('secrets.json was open to other users');
  });

  it.each(['', 'not json', '[]', '{"ACCESS_TOKEN_SECRET":"c2hvcnQ="}'])(
    'that holds %j is an error and is left alone',
    async (content) => {
      const dir = freshDir();
      mkdirSync(dir, { recursive: true });
      writeFileSync(join(dir, 'secrets.json'), content, { mode: 0o600 });
      const error: unknown = await secretsOf(dir).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(ConfigError);
      expect((error as ConfigError).message).toMatch(
        /DATA_DIR[\s\S]*secrets\.json is damaged[\s\S]*Fix: .*backup/,
      );
      expect(readFileSync(join(dir, 'secrets.json'), 'utf8')).toBe(content);
    },
  );

  it('leaves the mode of a folder alone that was there before', async () => {
    const dir = freshDir();
    mkdirSync(dir, { recursive: true, mode: 0o755 });
    await secretsOf(dir);
    expect(mode(dir)).toBe(0o755);
  });

  it('that cannot be made is an error that names it', async () => {
    const dir = freshDir();
    mkdirSync(join(dir, '..'), { recursive: true });
    writeFileSync(dir, 'a file where the folder should be');
    await expect(secretsOf(dir)).rejects.toThrow(/secrets\.json cannot be/);
  });
});

describe('configured secrets', () => {
  it('touch no file, and the first of several signs', async () => {
    const dir = freshDir();
    const secrets = await secretsOf(dir, {
      ACCESS_TOKEN_SECRET: `${strong},older`,
      REFRESH_TOKEN_SECRET: otherStrong,
    });
    expect(secrets.access.map((key) => key.export().toString())).toEqual([strong, 'older']);
    expect(secrets.generated).toBe(false);
    expect(existsSync(dir)).toBe(false);
  });

  it('stand in for a missing DATA_ENCRYPTION_KEY, and go on decrypting when there is one', async () => {
    const derived = await secretsOf(freshDir(), { JWT_SECRET: strong });
    expect(derived.dataEncryption.map((key) => key.symmetricKeySize)).toEqual([32]);
    const own = Buffer.alloc(32, 9).toString('base64');
    const later = await secretsOf(freshDir(), { JWT_SECRET: strong, DATA_ENCRYPTION_KEY: own });
    expect(later.dataEncryption[0]?.export().toString('base64')).toBe(own);
    expect(texts(later)[2]?.[1]).toBe(texts(derived)[2]?.[0]);
    expect(texts(derived).flat()).not.toContain(Buffer.from(strong).toString('hex'));
  });
});
