import { describe, expect, it } from '@jest/globals';
import { envTable, type EnvName } from '../../src/config/env.js';
import { defaultFor } from '../../src/config/row.js';
import { load, production } from '../support/config-env.js';

describe('defaults', () => {
  it('start a development server with nothing set', () => {
    const { server, ...config } = load({});
    expect({ ...server, nodeName: '' }).toEqual({
      host: '127.0.0.1',
      port: 3001,
      publicUrl: null,
      trustProxyHops: 0,
      corsOrigins: null,
      nodeName: '',
      roles: ['auth', 'chat', 'realtime', 'files', 'notifications'],
      classicDialect: true,
      webClient: true,
    });
    expect(server.nodeName).toMatch(/-\d+$/);
    expect(config).toEqual({
      env: 'development',
      data: {
        dir: '/srv/parley/data',
        uploadPath: '/srv/parley/uploads',
        logDir: '/srv/parley/logs',
        embedded: true,
      },
      mongo: { uri: null, database: 'parley', poolSize: 50 },
      redis: null,
      keyPrefix: '',
      auth: {
        transport: 'both',
        accessSecrets: [],
        refreshSecrets: [],
        dataEncryptionKeys: [],
        accessTtlSeconds: 900,
        refreshTtlSeconds: 604_800,
        bearerTtlSeconds: 604_800,
        cookie: { domain: null, sameSite: 'strict', secure: false },
        bcryptCost: 12,
        registerDisclosure: 'open',
      },
      accounts: { emailVerification: false },
      mail: null,
      files: {
        maxBytes: 10_485_760,
        maxResumableBytes: 1_073_741_824,
        maxVoiceSeconds: 300,
        allowedTypes: [
          ...['image/jpeg', 'image/png', 'image/gif', 'image/webp', 'application/pdf', 'text/plain'],
          ...['audio/webm', 'audio/ogg', 'audio/mpeg', 'audio/mp4', 'audio/wav', 'video/mp4', 'video/webm'],
        ],
        urlTtlSeconds: 3600,
        s3: null,
        clamd: null,
      },
      limits: {
        rateScale: 1,
        rates: {
          auth: { points: 5, perSeconds: 900 },
          anonymous: { points: 100, perSeconds: 900 },
          user: { points: 1000, perSeconds: 900 },
          uploads: { points: 10, perSeconds: 3600 },
          messages: { points: 60, perSeconds: 60 },
        },
        socketEventsPerMinute: 100,
        maxSocketsPerUser: 10,
        maxConnectionsPerIp: 100,
        socketAuthTimeoutMs: 30_000,
        maxGroupSize: 1000,
        maxMessageLength: 5000,
        editWindowSeconds: 0,
      },
      turn: null,
      vapid: null,
      geoipDatabase: null,
      metricsToken: null,
      sentryDsn: null,
      admin: null,
      log: { level: 'info' },
      warnings: [],
      path: '',
    });
  });

  it('differ in production and test where they should', () => {
    const live = load(production);
    expect(live.server).toMatchObject({ host: '0.0.0.0', corsOrigins: ['https://chat.example.org'] });
    expect(live.auth.cookie.secure).toBe(true);
    expect(live.data.embedded).toBe(false);
    expect(live.accounts.emailVerification).toBe(true);
    expect(live.mail).toEqual({ url: 'smtp://mail.example.org', from: 'Parley <no-reply@chat.example.org>' });
    expect(live.warnings).toEqual([]);
    const test = load({ NODE_ENV: 'test' });
    expect([test.server.host, test.log.level, test.server.corsOrigins]).toEqual(['127.0.0.1', 'warn', null]);
  });

  it.each(Object.keys(envTable) as EnvName[])('of %s is one that its own parser takes', (name) => {
    const row = envTable[name];
    for (const env of ['development', 'production', 'test'] as const) {
      const text = defaultFor(row, env);
      if (text !== null) expect(row.parse(text)).toHaveProperty('value');
    }
    expect(row.doc).toMatch(/^\S.*\.$/);
  });

  it('is frozen all the way down', () => {
    const config = load({});
    expect(Object.isFrozen(config) && Object.isFrozen(config.limits.rates.auth)).toBe(true);
    expect(Object.isFrozen(config.server.roles) && Object.isFrozen(config.auth.cookie)).toBe(true);
  });
});
