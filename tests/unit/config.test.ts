import { describe, expect, it } from '@jest/globals';
import { errorOf, load, production, wrongIn } from '../support/config-env.js';

describe('parsing', () => {
  it('takes blank for unset and trims what is set', () => {
    const config = load({ PORT: ' 4000 ', HOST: '', REDIS_URL: '   ', KEY_PREFIX: 'chat:' });
    expect(config.server).toMatchObject({ port: 4000, host: '127.0.0.1' });
    expect([config.redis, config.keyPrefix]).toEqual([null, 'chat:']);
  });

  it.each([
    ['15m', 900],
    ['900', 900],
    ['90s', 90],
    ['2 hours', 7200],
    ['7d', 604_800],
    ['1 week', 604_800],
  ])('reads the duration %s', (text, seconds) => {
    expect(load({ ACCESS_TOKEN_EXPIRY: text }).auth.accessTtlSeconds).toBe(seconds);
  });

  it.each(['soon', '-5m', '1.5h', '5 parsecs', '0', '9999999d'])('refuses the duration %s', (text) => {
    expect(wrongIn({ ACCESS_TOKEN_EXPIRY: text })).toEqual(['ACCESS_TOKEN_EXPIRY']);
  });

  it.each([
    ['on', true],
    ['TRUE', true],
    ['1', true],
    ['off', false],
    ['false', false],
    ['0', false],
  ])('reads the switch %s', (text, value) => {
    expect(load({ CLASSIC_DIALECT: text }).server.classicDialect).toBe(value);
  });

  it.each(['0', '1', '65535'])('takes port %s', (port) => {
    expect(load({ PORT: port }).server.port).toBe(Number(port));
  });

  it.each(['65536', '-1', '3001.5', '0x10', 'http', '1e3'])('refuses port %s', (port) => {
    expect(wrongIn({ PORT: port })).toEqual(['PORT']);
  });

  it('reads sizes and allowances', () => {
    const config = load({ MAX_FILE_SIZE: '2GB', RATE_LIMIT_USER: '10 / 1m', RATE_LIMIT_SCALE: '2.5' });
    expect(config.files).toMatchObject({ maxBytes: 2 * 1024 ** 3, maxResumableBytes: 2 * 1024 ** 3 });
    expect(config.limits.rates.user).toEqual({ points: 10, perSeconds: 60 });
    expect(config.limits.rateScale).toBe(2.5);
    for (const text of ['10', '10/', '0/1m', '10/1m/2', 'a/b'])
      expect(wrongIn({ RATE_LIMIT_USER: text })).toHaveLength(1);
  });

  it('reads origins as browsers send them, with our own among them', () => {
    const env = { CORS_ORIGINS: 'https://App.example.org/, http://localhost:3000,,capacitor://localhost' };
    expect(load(env).server.corsOrigins).toEqual([
      'https://app.example.org',
      'http://localhost:3000',
      'capacitor://localhost',
    ]);
    expect(load({ ...production, ...env }).server.corsOrigins).toContain('https://chat.example.org');
  });

  it.each([
    '*',
    'https://*.example.org',
    'null',
    'example.org',
    'https://example.org/app',
    'ftp://x/y',
    'https://a:b@x.org',
  ])('refuses the origin %s', (origin) =>
    expect(wrongIn({ CORS_ORIGINS: `http://localhost:3000,${origin}` })).toEqual(['CORS_ORIGINS']),
  );

  it('tells who asks for * to name origins', () => {
    expect(errorOf({ CORS_ORIGINS: '*' }).message).toContain('name each origin');
  });

  it.each([
    ['mongodb://a:1,b:2/chat?replicaSet=rs', 'chat'],
    ['mongodb://%2Ftmp%2Fdb.sock/?directConnection=true', 'parley'],
    ['mongodb+srv://user:p%40ss@cluster.mongodb.net/my%20chat', 'my chat'],
    ['mongodb://db:27017', 'parley'],
  ])('finds the database of %s', (uri, database) => {
    expect(load({ MONGODB_URI: uri }).mongo).toMatchObject({ uri, database });
  });

  it.each(['mysql://db/chat', 'mongodb://', 'db:27017', 'mongodb://user:p@ss@db/chat'])(
    'refuses the database %s',
    (uri) => {
      expect(wrongIn({ MONGODB_URI: uri })).toEqual(['MONGODB_URI']);
    },
  );

  it.each([
    'redis://cache',
    'rediss://:pw@cache:6380/2',
    'redis-sentinel://:pw@a:26379,b:26379/mymaster',
    'redis-cluster://a:7000,b:7001',
  ])('takes the key store %s', (url) => expect(load({ REDIS_URL: url }).redis).toEqual({ url }));

  it.each(['http://cache', 'redis-sentinel://a:26379', 'redis-cluster://', 'cache:6379', 'redis://'])(
    'refuses the key store %s',
    (url) => expect(wrongIn({ REDIS_URL: url })).toEqual(['REDIS_URL']),
  );

  it('reads roles in one order, and all as every one', () => {
    const redis = { REDIS_URL: 'redis://cache' };
    expect(load({ ...redis, ROLES: 'files,auth, auth' }).server.roles).toEqual(['auth', 'files']);
    expect(load({ ROLES: 'all,auth' }).server.roles).toHaveLength(5);
    expect(wrongIn({ ...redis, ROLES: 'auth,kitchen' })).toEqual(['ROLES']);
  });

  it('switches things on as a whole', () => {
    const config = load({
      ...production,
      STORAGE: 's3',
      S3_BUCKET: 'files',
      S3_ACCESS_KEY_ID: 'id',
      S3_SECRET_ACCESS_KEY: 'secret-key',
      CLAMD_HOST: 'clamav',
      TURN_URLS: 'turn:turn.example.org:3478,turns:turn.example.org:5349?transport=tcp',
      TURN_SECRET: 'shared',
      VAPID_PUBLIC_KEY: Buffer.alloc(65, 4).toString('base64url'),
      VAPID_PRIVATE_KEY: Buffer.alloc(32, 4).toString('base64url'),
      SENTRY_DSN: 'https://abc@sentry.example.org/1',
      METRICS_TOKEN: 'scrape',
      ADMIN_EMAIL: 'Root@example.org',
      ADMIN_PASSWORD: 'correct horse',
      LOG_DIR: 'off',
      COOKIE_DOMAIN: '.example.org',
    });
    expect(config.files.s3).toEqual({
      bucket: 'files',
      accessKeyId: 'id',
      secretAccessKey: 'secret-key',
      endpoint: null,
      region: 'us-east-1',
      forcePathStyle: true,
    });
    expect(config.files.clamd).toEqual({ host: 'clamav', port: 3310 });
    expect(config.turn).toMatchObject({ secret: 'shared' });
    expect(config.turn?.urls).toHaveLength(2);
    expect(config.vapid).toMatchObject({ subject: 'https://chat.example.org' });
    expect([config.metricsToken, config.sentryDsn]).toEqual(['scrape', 'https://abc@sentry.example.org/1']);
    expect(config.admin).toEqual({ email: 'root@example.org', password: 'correct horse' });
    expect([config.data.logDir, config.auth.cookie.domain]).toEqual([null, 'example.org']);
  });
});
