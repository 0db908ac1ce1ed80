import { describe, expect, it } from '@jest/globals';
import { envTable } from '../../src/config/env.js';
import { weakness } from '../../src/config/weak-secret.js';
import { errorOf, load, otherStrong, production, strong, wrongIn, type Env } from '../support/config-env.js';

describe('mistakes', () => {
  it('are reported all together, each with its fix', () => {
    const error = errorOf({
      NODE_ENV: 'staging',
      PORT: 'abc',
      BCRYPT_COST: '99',
      COOKIE_SAMESITE: 'loose',
      SMTP_URL: 'http://mail',
      TURN_URLS: 'turn:a:1',
      ACCESS_TOKEN_EXPIRY: 'soon',
    });
    const named = error.problems.map((problem) => problem.variable);
    for (const name of [
      'NODE_ENV',
      'PORT',
      'BCRYPT_COST',
      'COOKIE_SAMESITE',
      'SMTP_URL',
      'TURN_SECRET',
      'ACCESS_TOKEN_EXPIRY',
    ]) {
      expect(named.filter((one) => one === name)).toHaveLength(1);
      expect(error.message).toContain(`\n  ${name}\n    `);
    }
    // An unknown NODE_ENV is judged as production.
    expect(named).toEqual(
      expect.arrayContaining(['MONGODB_URI', 'REDIS_URL', 'ACCESS_TOKEN_SECRET', 'REFRESH_TOKEN_SECRET']),
    );
    expect(error.message).toContain(`${error.problems.length} settings are wrong`);
    expect(error.message.match(/Fix: /g)).toHaveLength(error.problems.length);
    expect(error.problems.every(({ problem, fix }) => problem.endsWith('.') && fix !== '')).toBe(true);
  });

  it('guess what a wrong NODE_ENV meant, so that nothing beside the point is reported', () => {
    expect(wrongIn({ NODE_ENV: 'dev' })).toEqual(['NODE_ENV']);
  });

  it('never show a secret', () => {
    const canary = 'CANARY-7f3a';
    const secrets = Object.entries(envTable)
      .filter(([, row]) => row.secret === true)
      .map(([name]) => name);
    expect(secrets.length).toBeGreaterThan(10);
    const env: Env = { NODE_ENV: 'production', PUBLIC_URL: `https://ann:${canary}@x.org` };
    for (const name of secrets) env[name] = `${canary} @ ${canary}`;
    Object.assign(env, {
      SENTRY_DSN: canary,
      ADMIN_PASSWORD: 'short',
      STORAGE: 's3',
      CORS_ORIGINS: `https://u:${canary}@x.org`,
    });
    const error = errorOf(env);
    expect(error.problems.length).toBeGreaterThan(6);
    expect(`${error.message} ${error.stack} ${JSON.stringify(error.problems)}`).not.toContain(canary);
    const parts = {
      DB_USERNAME: 'a',
      DB_PASSWORD: canary,
      DB_HOST: 'not a host',
      REDIS_HOST: 'no host',
      REDIS_PASSWORD: canary,
    };
    expect(errorOf(parts).message).not.toContain(canary);
    const warned = load({ JWT_SECRET: canary, MONGDB_URI: `mongodb://u:${canary}@h` });
    expect(warned.warnings).toHaveLength(2);
    expect(warned.warnings.join()).not.toContain(canary);
  });

  it('in long values are shown in part', () => {
    expect(errorOf({ LOG_LEVEL: 'x'.repeat(5000) }).message.length).toBeLessThan(500);
  });
});

describe('what belongs together', () => {
  it.each([
    [{ TURN_URLS: 'turn:a:1' }, 'TURN_SECRET'],
    [{ TURN_SECRET: 'x' }, 'TURN_URLS'],
    [{ VAPID_PRIVATE_KEY: Buffer.alloc(32).toString('base64url') }, 'VAPID_PUBLIC_KEY'],
    [{ ADMIN_EMAIL: 'a@example.org' }, 'ADMIN_PASSWORD'],
    [{ ADMIN_PASSWORD: 'correct horse' }, 'ADMIN_EMAIL'],
    [{ ACCESS_TOKEN_EXPIRY: '8d' }, 'REFRESH_TOKEN_EXPIRY'],
    [{ COOKIE_SAMESITE: 'none' }, 'COOKIE_SAMESITE'],
    [{ EMBEDDED: 'refuse', REDIS_URL: 'redis://x', JWT_SECRET: strong }, 'MONGODB_URI'],
  ] satisfies [Env, string][])('%j lacks %s', (env, variable) => {
    expect(wrongIn(env)).toEqual([variable]);
  });

  it('names each missing setting of S3', () => {
    expect(wrongIn({ STORAGE: 's3', S3_BUCKET: 'files' })).toEqual([
      'S3_ACCESS_KEY_ID',
      'S3_SECRET_ACCESS_KEY',
    ]);
  });

  it('lets SameSite=None pass where cookies are Secure', () => {
    const https = load({ COOKIE_SAMESITE: 'none', PUBLIC_URL: 'https://chat.example.org' });
    expect(https.auth.cookie).toEqual({ domain: null, sameSite: 'none', secure: true });
    expect(load({ ...production, COOKIE_SAMESITE: 'none' }).auth.cookie.sameSite).toBe('none');
  });

  it.each([
    { ROLES: 'auth,chat' },
    { NODE_APP_INSTANCE: '1' },
    { instances: '4' },
    { instances: 'max' },
  ] satisfies Env[])('more than one process needs Redis: %j', (env) => {
    expect(wrongIn(env)).toEqual(['REDIS_URL']);
    expect(load({ ...env, REDIS_URL: 'redis://cache' }).redis).not.toBeNull();
  });

  it('one process under a supervisor needs none', () => {
    expect(
      load({ NODE_APP_INSTANCE: '0', instances: '1', ROLES: 'auth,chat,realtime,files,notifications' }).redis,
    ).toBeNull();
  });
});

describe('production', () => {
  it('refuses to run without its own database, key store and secrets', () => {
    expect(wrongIn({ NODE_ENV: 'production' })).toEqual([
      'MONGODB_URI',
      'REDIS_URL',
      'ACCESS_TOKEN_SECRET',
      'REFRESH_TOKEN_SECRET',
    ]);
    expect(wrongIn({ ...production, REFRESH_TOKEN_SECRET: '' })).toEqual(['REFRESH_TOKEN_SECRET']);
  });

  it('runs with built-in ones when that is allowed', () => {
    const config = load({
      NODE_ENV: 'production',
      EMBEDDED: 'allow',
      PUBLIC_URL: 'https://chat.example.org',
    });
    expect([config.mongo.uri, config.redis, config.auth.accessSecrets]).toEqual([null, null, []]);
    expect(wrongIn({ NODE_ENV: 'production', EMBEDDED: 'allow', JWT_SECRET: 'secret' })).toEqual([
      'JWT_SECRET',
    ]);
  });

  it.each([
    'short',
    'your-super-secret-jwt-key-change-this-in-production',
    'changeme-changeme-changeme-changeme-x1',
    'secret'.repeat(8),
    'a'.repeat(64),
    'ababbabaabbabaababbaababbabaabbabaab',
  ])('refuses the secret %s, which development only warns of', (weak) => {
    expect(wrongIn({ ...production, ACCESS_TOKEN_SECRET: weak })).toEqual(['ACCESS_TOKEN_SECRET']);
    expect(wrongIn({ ...production, REFRESH_TOKEN_SECRET: `${otherStrong},${weak}` })).toEqual([
      'REFRESH_TOKEN_SECRET',
    ]);
    expect(wrongIn({ ...production, ACCESS_TOKEN_SECRET: '', JWT_SECRET: weak })).toEqual(['JWT_SECRET']);
    expect(load({ JWT_SECRET: weak }).warnings).toHaveLength(1);
  });

  it('takes random secrets of the usual makes', () => {
    for (const encoding of ['hex', 'base64', 'base64url'] as const) {
      const random = Buffer.from('5d1f0c9a7be2486391aa03cd5e7f8812f4b60d27c3e914ab', 'hex').toString(
        encoding,
      );
      expect(weakness(random)).toBeNull();
    }
  });

  it('refuses equal secrets, which development only warns of', () => {
    const equal = { ACCESS_TOKEN_SECRET: strong, REFRESH_TOKEN_SECRET: `${otherStrong},${strong}` };
    expect(wrongIn({ ...production, ...equal })).toEqual(['REFRESH_TOKEN_SECRET']);
    expect(load(equal).warnings).toHaveLength(1);
  });

  it.each([
    [{ RATE_LIMIT_SCALE: '0' }, 'RATE_LIMIT_SCALE'],
    [{ BCRYPT_COST: '4' }, 'BCRYPT_COST'],
    [{ EMAIL_VERIFICATION: 'on', SMTP_URL: '' }, 'SMTP_URL'],
  ] satisfies [Env, string][])('refuses %j, which development takes', (env, variable) => {
    expect(wrongIn({ ...production, ...env })).toEqual([variable]);
    expect(load(env).env).toBe('development');
  });

  it.each([
    [{ PUBLIC_URL: '' }, 'PUBLIC_URL'],
    [{ PUBLIC_URL: 'http://chat.example.org' }, 'PUBLIC_URL'],
    [{ DATA_ENCRYPTION_KEY: '' }, 'DATA_ENCRYPTION_KEY'],
    [{ COOKIE_DOMAIN: 'example.com' }, 'COOKIE_DOMAIN'],
    [{ REGISTER_DISCLOSURE: 'silent', EMAIL_VERIFICATION: 'off' }, 'REGISTER_DISCLOSURE'],
  ] satisfies [Env, string][])('only warns of %j', (env, variable) => {
    const { warnings } = load({ ...production, ...env });
    expect(warnings).toEqual([expect.stringContaining(variable)]);
  });

  it('lets nobody in from a browser without PUBLIC_URL and CORS_ORIGINS', () => {
    expect(load({ ...production, PUBLIC_URL: '' }).server.corsOrigins).toEqual([]);
  });
});
