import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { openRedisKeyStore, type RedisKeyStore } from '../../src/platform/keystore/redis-key-store.js';
import { silentLogger, type Logger } from '../../src/platform/logging/logger.js';
import { eventually } from '../support/eventually.js';
import {
  redisCommand,
  startRedis,
  startRedisCluster,
  startSentinel,
  type TestRedis,
} from '../support/redis.js';

const openStore = (url: string, logger: Logger = silentLogger): Promise<RedisKeyStore> =>
  openRedisKeyStore({ redis: { url }, keyPrefix: 'p:', logger });

/** Milliseconds until the promise was rejected with UNAVAILABLE. */
async function refusedAfter(promise: Promise<unknown>): Promise<number> {
  const start = performance.now();
  await expect(promise).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  return performance.now() - start;
}

function recordingLogger(): { logger: Logger; text: () => string; count: (message: string) => number } {
  const lines: string[] = [];
  const write = (message: string, fields?: unknown): void =>
    void lines.push(`${message} ${JSON.stringify(fields)}`);
  const logger: Logger = { debug: write, info: write, warn: write, error: write, child: () => logger };
  const count = (message: string): number => lines.filter((line) => line.startsWith(message)).length;
  return { logger, count, text: () => lines.join('\n') };
}

describe.each([
  ['redis', async () => startRedis().then((server) => ({ server, url: server.url }))],
  [
    'redis cluster',
    async () => {
      const { url, nodes } = await startRedisCluster(1);
      return { url, server: nodes[0] as TestRedis };
    },
  ],
])('an outage of %s', (_name, start) => {
  let server: TestRedis;
  let store: RedisKeyStore;
  let log: ReturnType<typeof recordingLogger>;
  const heard: string[] = [];
  const closers: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    log = recordingLogger();
    const started = await start();
    server = started.server;
    closers.push(() => server.stop());
    store = await openStore(started.url, log.logger);
    closers.push(() => store.close());
    await store.subscribe('news', (message) => heard.push(message));
  });
  afterAll(async () => {
    for (const close of closers.reverse()) await close();
  });

  /** Values, scripts and subscriptions all work. */
  const works = (message: string): Promise<void> =>
    eventually(async () => {
      await store.set('k', 'v');
      expect(await store.compareAndSet('k', { expected: 'v', next: 'w' })).toBe(true);
      expect((await store.takeToken('bucket', { capacity: 1_000, refillPerMinute: 1 })).allowed).toBe(true);
      await store.publish('news', message);
      expect(heard).toContain(message);
    });

  test('killed: fails in time, then at once; back: everything works again', async () => {
    await works('before');
    const inFlight = store.get('k').catch(() => null);
    await server.kill();
    await inFlight;
    expect(await refusedAfter(store.get('k'))).toBeLessThan(2_500);
    await eventually(async () =>
      expect(await refusedAfter(store.publish('news', 'nobody'))).toBeLessThan(100),
    );
    expect(await refusedAfter(store.increment('n', { windowMs: 1_000 }))).toBeLessThan(100);
    expect(await refusedAfter(store.lock('l', 1_000))).toBeLessThan(100);
    expect(await refusedAfter(store.subscribe('more', () => undefined))).toBeLessThan(2_500);
    expect(await refusedAfter(store.ping())).toBeLessThan(100);
    expect(log.count('Redis is out of reach')).toBeLessThanOrEqual(2);

    await server.restart();
    const back = performance.now();
    await works('after');
    expect(performance.now() - back).toBeLessThan(10_000);
    expect(heard).not.toContain('nobody');
  });

  test('a blink is not noticed', async () => {
    await server.restart();
    await works('blink');
  });

  test('frozen: fails in time though the connection stays open; thawed: works', async () => {
    server.freeze();
    const waits = await Promise.all([
      refusedAfter(store.get('k')),
      refusedAfter(delay(300).then(() => store.takeToken('other', { capacity: 1, refillPerMinute: 1 }))),
    ]);
    for (const wait of waits) expect(wait).toBeLessThan(2_600);
    server.thaw();
    await works('thawed');
  });
});

test('nodes of one deployment share keys and channels; another prefix sees nothing of them', async () => {
  const redis = await startRedis({ password: 'p@ss/word' });
  const [ann, bob] = await Promise.all([openStore(redis.url), openStore(redis.url)]);
  const other = await openRedisKeyStore({ redis: { url: redis.url }, keyPrefix: '', logger: silentLogger });
  try {
    await ann.set('k', 'v');
    expect(await bob.get('k')).toBe('v');
    expect(await other.get('k')).toBeNull();
    expect(await other.get('p:k')).toBe('v');
    const heard: string[] = [];
    await bob.subscribe('c', (message) => heard.push(message));
    await ann.subscribe('c', () => undefined);
    expect(await ann.subscribers('c')).toBe(2);
    await other.publish('c', 'not for p:');
    await ann.publish('c', 'hello');
    await eventually(() => expect(heard).toEqual(['hello']));
  } finally {
    await Promise.all([ann, bob, other].map((store) => store.close()));
    await redis.stop();
  }
});

test('a wrong password is refused at the start and never logged', async () => {
  const redis = await startRedis({ password: 'right' });
  const { logger, text } = recordingLogger();
  const opening = openRedisKeyStore({
    redis: { url: `redis://:wr0ng-secret@127.0.0.1:${redis.port}` },
    keyPrefix: '',
    logger,
    startTimeoutMs: 500,
  });
  const error: unknown = await opening.catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: 'UNAVAILABLE' });
  expect(inspect(error)).toMatch(/WRONGPASS/);
  expect(inspect(error) + text()).not.toContain('wr0ng-secret');
  await redis.stop();
});

test('sentinel: serves, and follows a failover with its subscriptions', async () => {
  const sentinel = await startSentinel();
  const store = await openStore(sentinel.url);
  const heard: string[] = [];
  try {
    await store.set('k', 'v');
    expect(await store.get('k')).toBe('v');
    await store.subscribe('c', (message) => heard.push(message));
    await sentinel.master.kill();
    await eventually(
      async () => {
        await store.set('k', 'after');
        await store.publish('c', 'after');
        expect(heard).toContain('after');
      },
      { timeoutMs: 25_000 },
    );
    expect(await redisCommand(sentinel.replica.port, 'GET', 'p:k')).toBe('after');
  } finally {
    await store.close();
    await sentinel.stop();
  }
});

test('further connections: publisher and subscriber for the adapter, one for the queue', async () => {
  const redis = await startRedis();
  const store = await openStore(redis.url);
  const publisher = store.connections.duplicate('publisher', 'pub');
  const subscriber = store.connections.duplicate('subscriber', 'sub');
  const queue = store.connections.duplicate('queue', 'queue');
  const heard: string[] = [];
  subscriber.on('message', (_channel: string, message: string) => heard.push(message));
  await subscriber.subscribe('raw');
  await eventually(() => publisher.publish('raw', 'hello'));
  await eventually(() => expect(heard).toContain('hello'));
  const popped = queue.blpop('list', 0);

  await redis.kill();
  // The adapter never looks at this promise: were its rejection not marked as handled, the test would end here.
  void publisher.publish('raw', 'lost');
  await redis.restart();
  await eventually(async () => {
    await publisher.publish('raw', 'again');
    expect(heard).toContain('again');
  });
  await store.set('unrelated', 'v');
  await publisher.lpush('list', 'job');
  expect(await popped).toEqual(['list', 'job']);
  await store.close();
  await redis.stop();
});
