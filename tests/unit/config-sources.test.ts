import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConfigError, loadConfig } from '../../src/config/config.js';
import { readEnvironment } from '../../src/config/environment.js';
import { load, otherStrong, problemsOf, production, strong, wrongIn } from '../support/config-env.js';

const folder = mkdtempSync(join(tmpdir(), 'parley-config-'));
const fileWith = (name: string, content: string): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('other names', () => {
  it('of the database: the canonical one first, then the others in order', () => {
    const all = { MONGO_DB_URL: 'mongodb://c/3', MONGO_URI: 'mongodb://b/2', MONGODB_URI: 'mongodb://a/1' };
    expect(load(all).mongo.uri).toBe('mongodb://a/1');
    expect(load({ ...all, MONGODB_URI: '' }).mongo.uri).toBe('mongodb://b/2');
    expect(load({ MONGO_DB_URL: 'mongodb://c/3', DB_USERNAME: 'u', DB_PASSWORD: 'p' }).mongo.uri).toBe(
      'mongodb://c/3',
    );
  });

  it('of the database: an address made from its parts, with what needs encoding encoded', () => {
    const parts = { DB_USERNAME: 'ann', DB_PASSWORD: 'p@ss/word', DB_NAME: 'chat' };
    expect(load(parts).mongo).toMatchObject({
      uri: 'mongodb://ann:p%40ss%2Fword@localhost:27017/chat?authSource=admin',
      database: 'chat',
    });
    expect(load({ ...parts, DB_HOST: 'cluster0.abc.mongodb.net' }).mongo.uri).toBe(
      'mongodb+srv://ann:p%40ss%2Fword@cluster0.abc.mongodb.net/chat',
    );
    expect(wrongIn({ DB_USERNAME: 'ann' })).toEqual(['DB_PASSWORD']);
    expect(wrongIn({ DB_PASSWORD: 'x' })).toEqual(['DB_USERNAME']);
    expect(load({ DB_NAME: 'of another program' }).mongo.uri).toBeNull();
  });

  it('of the key store', () => {
    expect(load({ REDIS_HOST: 'cache', REDIS_PORT: '6380', REDIS_PASSWORD: 'a b' }).redis?.url).toBe(
      'redis://:a%20b@cache:6380',
    );
    expect(load({ REDIS_HOST: 'cache', REDIS_URL: 'redis://first' }).redis?.url).toBe('redis://first');
    // Kubernetes sets this one for every service that is called redis.
    expect(load({ REDIS_PORT: 'tcp://10.0.0.1:6379' }).redis).toBeNull();
  });

  it('of the origins', () => {
    expect(load({ FRONTEND_URL: 'http://localhost:5173/' }).server.corsOrigins).toEqual([
      'http://localhost:5173',
    ]);
    const both = { CORS_ORIGIN: 'http://localhost:3000', FRONTEND_URL: 'http://localhost:5173' };
    expect(load(both).server.corsOrigins).toEqual(['http://localhost:3000']);
  });

  it('of the mail server', () => {
    const trap = {
      MAIL_TRAP_HOST: 'smtp.mailtrap.io',
      MAIL_TRAP_PORT: '587',
      MAIL_TRAP_USERNAME: 'u',
      MAIL_TRAP_PASSWORD: 'p:p',
    };
    const config = load(trap);
    expect(config.mail?.url).toBe('smtp://u:p%3Ap@smtp.mailtrap.io:587');
    expect(config.accounts.emailVerification).toBe(true);
    expect(load({ ...trap, SMTP_URL: 'smtps://other' }).mail?.url).toBe('smtps://other');
    expect(wrongIn({ MAIL_TRAP_USERNAME: 'u', MAIL_TRAP_PASSWORD: 'p' })).toEqual(['MAIL_TRAP_HOST']);
  });

  it('a JWT_SECRET gives two different secrets, the same on every machine', () => {
    const { auth } = load({ JWT_SECRET: strong });
    expect([auth.accessSecrets.length, auth.refreshSecrets.length]).toEqual([1, 1]);
    expect(new Set([strong, ...auth.accessSecrets, ...auth.refreshSecrets]).size).toBe(3);
    expect(load({ JWT_SECRET: strong }).auth).toEqual(auth);
    expect(load({ JWT_SECRET: `${strong},${otherStrong}` }).auth.accessSecrets).toHaveLength(2);
    const mixed = load({ JWT_SECRET: strong, ACCESS_TOKEN_SECRET: otherStrong }).auth;
    expect([mixed.accessSecrets, mixed.refreshSecrets]).toEqual([[otherStrong], auth.refreshSecrets]);
  });

  it('a mistake is reported under the name that was used', () => {
    expect(wrongIn({ MONGO_URI: 'nonsense', FRONTEND_URL: '*' })).toEqual(['FRONTEND_URL', 'MONGO_URI']);
  });
});

describe('values from files', () => {
  it('are read, trimmed, for every name', () => {
    const config = load({
      ...production,
      ACCESS_TOKEN_SECRET: '',
      ACCESS_TOKEN_SECRET_FILE: fileWith('access', `${strong}\n`),
      MONGODB_URI: '',
      MONGO_URI_FILE: fileWith('mongo', '\nmongodb://file/chat \n'),
      PORT_FILE: fileWith('port', '8080'),
    });
    expect(config.auth.accessSecrets).toEqual([strong]);
    expect([config.mongo.uri, config.server.port]).toEqual(['mongodb://file/chat', 8080]);
  });

  it('are relative to the folder the server runs in', () => {
    fileWith('relative', '4001');
    expect(loadConfig({ PORT_FILE: 'relative' }, { cwd: folder }).server.port).toBe(4001);
  });

  it('are a mistake when absent, unreadable, empty, or beside the value itself', () => {
    const [problem, ...more] = problemsOf({
      ...production,
      JWT_SECRET: strong,
      ACCESS_TOKEN_SECRET: '',
      ACCESS_TOKEN_SECRET_FILE: join(folder, 'nowhere'),
    });
    expect(problem).toMatchObject({ variable: 'ACCESS_TOKEN_SECRET_FILE' });
    expect(problem?.problem).toContain('does not exist');
    expect(more).toEqual([]);
    expect(wrongIn({ PORT_FILE: folder })).toEqual(['PORT_FILE']);
    expect(wrongIn({ PORT_FILE: fileWith('empty', ' \n') })).toEqual(['PORT_FILE']);
    expect(wrongIn({ PORT: '3001', PORT_FILE: fileWith('both', '3001') })).toEqual(['PORT']);
  });
});

describe('misspelt names', () => {
  it.each([
    ['MONGDB_URI', 'MONGODB_URI'],
    ['MONGO_URL', 'MONGO_URI'],
    ['ACCES_TOKEN_SECRET', 'ACCESS_TOKEN_SECRET'],
    ['REDIS_URI', 'REDIS_URL'],
    ['COOKIE_SAME_SITE', 'COOKIE_SAMESITE'],
    ['SMTP_URI_FILE', 'SMTP_URL'],
  ])('%s is taken for %s', (wrong, right) => {
    expect(load({ [wrong]: 'x' }).warnings).toEqual([expect.stringContaining(`mean ${right}?`)]);
  });

  it('leaves alone what belongs to others', () => {
    const others = [
      'HOME',
      'POST',
      'HOSTNAME',
      'PATH',
      'PWD',
      'NODE_OPTIONS',
      'LOGNAME',
      'AWS_ACCESS_KEY_ID',
      'DB_USER',
      'TERM',
      'npm_config_port',
    ];
    expect(load(Object.fromEntries(others.map((name) => [name, 'x']))).warnings).toEqual([]);
    expect(load({ PATH: '/usr/bin' }).path).toBe('/usr/bin');
  });
});

describe('readEnvironment', () => {
  const withDotEnv = join(folder, 'with');
  beforeAll(() => {
    mkdirSync(withDotEnv);
    writeFileSync(
      join(withDotEnv, '.env'),
      '# a comment\nPARLEY_TEST_ONE=file\nPARLEY_TEST_TWO="two words"\nPATH=/nowhere\n',
    );
  });

  it('lays what is really set over the .env file', () => {
    const env = readEnvironment(withDotEnv);
    expect(env['PARLEY_TEST_TWO']).toBe('two words');
    expect(env['PATH']).toBe(process.env['PATH']);
    expect(process.env['PARLEY_TEST_TWO']).toBeUndefined();
  });

  it('does without a .env file, and reports one that cannot be read', () => {
    expect(readEnvironment(folder)['PATH']).toBe(process.env['PATH']);
    mkdirSync(join(folder, 'bad', '.env'), { recursive: true });
    expect(() => readEnvironment(join(folder, 'bad'))).toThrow(ConfigError);
  });
});
