import { describe, expect, test } from '@jest/globals';
import { parseRedisUrl } from '../../src/platform/redis/redis-url.js';

describe('parseRedisUrl', () => {
  test.each([
    ['redis://localhost', { kind: 'single', nodes: [{ host: 'localhost', port: 6_379 }], db: 0, tls: false }],
    ['redis://:p%40ss@h:1/2', { nodes: [{ host: 'h', port: 1 }], username: null, password: 'p@ss', db: 2 }],
    [
      'rediss://ann:a:b@[::1]:7000',
      { nodes: [{ host: '::1', port: 7_000 }], username: 'ann', password: 'a:b', tls: true },
    ],
    [
      'redis-sentinel://:pw@a:1,b/main/3?sentinelPassword=s',
      {
        kind: 'sentinel',
        nodes: [
          { host: 'a', port: 1 },
          { host: 'b', port: 26_379 },
        ],
        masterName: 'main',
        password: 'pw',
        sentinelPassword: 's',
        db: 3,
      },
    ],
    [
      'redis-cluster://a:1,b:2?tls=true',
      { kind: 'cluster', masterName: null, tls: true, username: null, password: null },
    ],
  ])('%s', (url, expected) => {
    expect(parseRedisUrl(url)).toMatchObject(expected);
  });

  test.each([
    'http://secret@h',
    'redis://',
    'redis://:secret@h:99999',
    'redis://:secret@h/first',
    'redis://:secret%@h',
    'redis-sentinel://:secret@h:1',
    'redis-cluster://:secret@h:1/2',
    'redis-cluster://:secret@h:1,,h:2',
  ])('refuses %s without quoting it', (url) => {
    expect(() => parseRedisUrl(url)).toThrow(/^(?!.*secret).*Redis/s);
  });
});
