import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { KeyStore } from '../../src/platform/keystore/key-store.js';
import { openMemoryKeyStore } from '../../src/platform/keystore/memory-key-store.js';
import { openRedisKeyStore } from '../../src/platform/keystore/redis-key-store.js';
import { silentLogger } from '../../src/platform/logging/logger.js';
import { eventually } from '../support/eventually.js';
import { startRedis, startRedisCluster } from '../support/redis.js';

/** `another` opens the same store once more, as a second process would; memory has none. */
type World = { store: KeyStore; another: () => Promise<KeyStore>; stop: () => Promise<void> };

const worlds: Record<string, () => Promise<World>> = {
  memory: async () => {
    const store = openMemoryKeyStore();
    return { store, another: async () => openMemoryKeyStore(), stop: () => store.close() };
  },
  redis: async () => overRedis(await startRedis()),
  'redis cluster': async () => overRedis(await startRedisCluster(3)),
};

const openStore = (url: string): Promise<KeyStore> =>
  openRedisKeyStore({ redis: { url }, keyPrefix: 'p:', logger: silentLogger });

async function overRedis(redis: { url: string; stop(): Promise<void> }): Promise<World> {
  const store = await openStore(redis.url);
  const stop = async (): Promise<void> => {
    await store.close();
    await redis.stop();
  };
  return { store, another: () => openStore(redis.url), stop };
}

const fifty = Array.from({ length: 50 }, (_, index) => index);

describe.each(Object.entries(worlds))('key store in %s', (_name, open) => {
  let world: World;
  let store: KeyStore;
  let k: string;

  beforeAll(async () => {
    world = await open();
    store = world.store;
  });
  afterAll(() => world.stop());

  /** A key of its own for each test. */
  const fresh = (): string => (k = `test:${randomUUID()}`);
  const gone = (key: string): Promise<void> =>
    eventually(async () => expect(await store.get(key)).toBeNull());

  test('get, set, delete', async () => {
    fresh();
    expect(await store.get(k)).toBeNull();
    expect(await store.set(k, 'grüße ✓')).toBe(true);
    expect(await store.get(k)).toBe('grüße ✓');
    expect(await store.set(k, '')).toBe(true);
    expect(await store.get(k)).toBe('');
    expect(await store.delete(k, `${k}:other`)).toBe(1);
    expect(await store.delete(k)).toBe(0);
    expect(await store.delete()).toBe(0);
  });

  test('getMany keeps the order, across any number of keys', async () => {
    fresh();
    await Promise.all(fifty.filter((n) => n % 2 === 0).map((n) => store.set(`${k}:${n}`, String(n))));
    const found = await store.getMany(fifty.map((n) => `${k}:${n}`));
    expect(found).toEqual(fifty.map((n) => (n % 2 === 0 ? String(n) : null)));
    expect(await store.getMany([])).toEqual([]);
    expect(await store.delete(...fifty.map((n) => `${k}:${n}`))).toBe(25);
  });

  test('values expire, and a plain set makes them stay', async () => {
    fresh();
    await store.set(k, 'a', { ttlMs: 40 });
    expect(await store.get(k)).toBe('a');
    await gone(k);
    expect(await store.delete(k)).toBe(0);
    await store.set(k, 'b', { ttlMs: 60_000 });
    const left = await store.ttl(k);
    expect(left).toBeGreaterThan(59_000);
    expect(left).toBeLessThanOrEqual(60_000);
    await store.set(k, 'c');
    expect(await store.ttl(k)).toBeNull();
    expect(await store.ttl(`${k}:absent`)).toBeNull();
    await store.set(k, 'd', { ttlMs: 0.3 });
    await gone(k);
  });

  test('of fifty who set if absent one wins', async () => {
    fresh();
    const won = await Promise.all(
      fifty.map((n) => store.set(k, String(n), { onlyIfAbsent: true, ttlMs: 60_000 })),
    );
    expect(won.filter(Boolean)).toHaveLength(1);
    expect(await store.get(k)).toBe(String(won.indexOf(true)));
    expect(await store.set(k, 'late', { onlyIfAbsent: true })).toBe(false);
  });

  test('of fifty who take one gets the value', async () => {
    fresh();
    await store.set(k, 'treasure');
    const taken = await Promise.all(fifty.map(() => store.take(k)));
    expect(taken.filter((value) => value !== null)).toEqual(['treasure']);
  });

  test('compareAndSet: absent, present, deleted, expiring', async () => {
    fresh();
    expect(await store.compareAndSet(k, { expected: 'a', next: 'b' })).toBe(false);
    expect(await store.compareAndSet(k, { expected: null, next: 'a' })).toBe(true);
    expect(await store.compareAndSet(k, { expected: null, next: 'b' })).toBe(false);
    expect(await store.compareAndSet(k, { expected: 'a', next: '', ttlMs: 60_000 })).toBe(true);
    expect(await store.ttl(k)).toBeGreaterThan(59_000);
    expect(await store.compareAndSet(k, { expected: null, next: 'b' })).toBe(false);
    expect(await store.compareAndSet(k, { expected: '', next: 'b' })).toBe(true);
    expect(await store.ttl(k)).toBeNull();
    const won = await Promise.all(fifty.map((n) => store.compareAndSet(k, { expected: 'b', next: `n${n}` })));
    expect(won.filter(Boolean)).toHaveLength(1);
    expect(await store.compareAndSet(k, { expected: `n${won.indexOf(true)}`, next: null })).toBe(true);
    expect(await store.get(k)).toBeNull();
  });

  test('increment counts everyone, in a window that is not prolonged', async () => {
    fresh();
    const hits = await Promise.all(fifty.map(() => store.increment(k, { windowMs: 60_000 })));
    expect(hits.map(({ count }) => count).sort((a, b) => a - b)).toEqual(fifty.map((n) => n + 1));
    expect(await store.get(k)).toBe('50');
    const more = await store.increment(k, { windowMs: 900_000, by: 5 });
    expect(more.count).toBe(55);
    expect(more.resetMs).toBeLessThanOrEqual(60_000);
    expect(more.resetMs).toBeGreaterThan(50_000);
    expect((await store.increment(k, { windowMs: 1, by: 0 })).count).toBe(55);

    const short = fresh();
    await store.increment(short, { windowMs: 50 });
    await gone(short);
    expect(await store.increment(short, { windowMs: 50 })).toMatchObject({ count: 1 });

    await store.set(k, '41');
    expect(await store.increment(k, { windowMs: 60_000 })).toEqual({ count: 42, resetMs: 60_000 });
  });

  test('leases: order, renewal, end, reaping by one', async () => {
    fresh();
    await store.leaseAdd(k, 'late', 60_000);
    await store.leaseAdd(k, 'early', 30_000);
    await store.leaseAdd(k, 'brief', 40);
    await store.leaseAdd(k, 'renewed', 40);
    await store.leaseAdd(k, 'renewed', 90_000);
    expect(await store.leaseMembers(k)).toContain('early');
    await eventually(async () => expect(await store.leaseMembers(k)).toEqual(['early', 'late', 'renewed']));
    const reaped = await Promise.all(fifty.map(() => store.leaseReap(k)));
    expect(reaped.flat()).toEqual(['brief']);
    expect(await store.leaseRemove(k, 'early')).toBe(true);
    expect(await store.leaseRemove(k, 'early')).toBe(false);
    expect(await store.leaseReap(k)).toEqual([]);
    expect(await store.leaseMembers(k)).toEqual(['late', 'renewed']);
    expect(await store.leaseMembers(`${k}:absent`)).toEqual([]);
    expect(await store.leaseReap(`${k}:absent`)).toEqual([]);
  });

  test('a member removed after its lease ended was not there, and is not reaped', async () => {
    fresh();
    await store.leaseAdd(k, 'a', 30);
    await eventually(async () => expect(await store.leaseMembers(k)).toEqual([]));
    expect(await store.leaseRemove(k, 'a')).toBe(false);
    expect(await store.leaseReap(k)).toEqual([]);
  });

  test('leaseMembersMany keeps the order', async () => {
    fresh();
    await Promise.all(fifty.map((n) => store.leaseAdd(`${k}:${n}`, `m${n}`, 60_000)));
    const found = await store.leaseMembersMany([...fifty.map((n) => `${k}:${n}`), `${k}:absent`]);
    expect(found).toEqual([...fifty.map((n) => [`m${n}`]), []]);
    expect(await store.leaseMembersMany([])).toEqual([]);
  });

  test('token bucket: empties, says when, refills', async () => {
    fresh();
    const bucket = { capacity: 10, refillPerMinute: 60 };
    const taken = await Promise.all(fifty.map(() => store.takeToken(k, bucket)));
    expect(taken.filter(({ allowed }) => allowed)).toHaveLength(10);
    expect(taken.map(({ remaining }) => remaining).slice(0, 10)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    const refused = await store.takeToken(k, bucket);
    expect(refused).toMatchObject({ allowed: false, remaining: 0 });
    expect(refused.retryMs).toBeGreaterThan(500);
    expect(refused.retryMs).toBeLessThanOrEqual(1_000);
    expect((await store.takeToken(k, { ...bucket, tokens: 5 })).retryMs).toBeGreaterThan(4_500);

    const quick = { capacity: 2, refillPerMinute: 60_000, tokens: 2 };
    const other = fresh();
    expect(await store.takeToken(other, quick)).toEqual({ allowed: true, remaining: 0, retryMs: 0 });
    await eventually(async () => expect((await store.takeToken(other, quick)).allowed).toBe(true));
    expect((await store.takeToken(fresh(), { capacity: 0, refillPerMinute: 0 })).retryMs).toBe(86_400_000);
  });

  test('lock: one holder, extended, released, lost', async () => {
    fresh();
    const tries = await Promise.all(fifty.map(() => store.lock(k, 60_000)));
    const [held, ...others] = tries.filter((lock) => lock !== null);
    expect(others).toHaveLength(0);
    expect(await held?.extend(80)).toBe(true);
    const second = await eventually(async () => {
      const lock = await store.lock(k, 60_000);
      if (lock === null) throw new Error('still held');
      return lock;
    });
    expect(await held?.extend(60_000)).toBe(false);
    expect(await held?.release()).toBe(false);
    expect(await second.release()).toBe(true);
    expect(await second.release()).toBe(false);
    expect(await store.lock(k, 60_000)).not.toBeNull();
  });

  test('publish reaches all listeners in order, until they leave', async () => {
    const channel = fresh();
    const heard: string[] = [];
    const heardToo: string[] = [];
    const leave = await store.subscribe(channel, (message) => heard.push(message));
    const leaveToo = await store.subscribe(channel, (message) => heardToo.push(message));
    expect(await store.subscribers(channel)).toBe(1);
    const sent = Array.from({ length: 500 }, (_, n) => String(n));
    const published = Promise.all(sent.map((message) => store.publish(channel, message)));
    expect(heard).toEqual([]);
    await published;
    await eventually(() => expect(heard).toHaveLength(500));
    await eventually(() => expect(heardToo).toHaveLength(500));
    expect(heard).toEqual(sent);
    expect(heardToo).toEqual(sent);
    await leaveToo();
    await store.publish(channel, 'last');
    await eventually(() => expect(heard.at(-1)).toBe('last'));
    expect(heardToo.at(-1)).toBe('499');
    await leave();
    await leave();
    await eventually(async () => expect(await store.subscribers(channel)).toBe(0));
    await store.publish(channel, 'unheard');
  });

  test('a channel that is left and joined at once stays joined', async () => {
    const channel = fresh();
    const heard: string[] = [];
    const leave = await store.subscribe(channel, () => undefined);
    const [, again] = await Promise.all([
      leave(),
      store.subscribe(channel, (message) => heard.push(message)),
    ]);
    await store.publish(channel, 'here');
    await eventually(() => expect(heard).toEqual(['here']));
    await again();
  });

  test('kinds of values are not mixed up', async () => {
    fresh();
    await store.leaseAdd(k, 'a', 60_000);
    await expect(store.get(k)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(store.takeToken(k, { capacity: 1, refillPerMinute: 1 })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    await expect(store.increment(k, { windowMs: 1_000 })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await store.delete(k)).toBe(1);
    await store.set(k, 'no number');
    await expect(store.increment(k, { windowMs: 1_000 })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(store.leaseMembers(k)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('ping answers; a closed store refuses', async () => {
    expect(await store.ping()).toBeLessThan(1_000);
    const other = await world.another();
    await other.set(fresh(), 'b');
    await other.close();
    await expect(other.get('a')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(other.publish('c', 'm')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(other.subscribe('c', () => undefined)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});
