import { randomUUID } from 'node:crypto';
import type { Logger } from '../logging/logger.js';
import { createConnections, type RedisClient, type RedisConnections } from '../redis/connect.js';
import { createDeadlines } from '../redis/deadlines.js';
import { linkTo } from '../redis/link.js';
import { within } from '../clock/within.js';
import { unavailable } from '../redis/redis-errors.js';
import type { RedisConfig } from '../redis/redis-url.js';
import { defineScript } from '../redis/scripts.js';
import { createSubscriber } from '../redis/subscriber.js';
import type { KeyStore } from './key-store.js';
import * as lua from './redis-scripts.js';

export type RedisKeyStoreOptions = {
  redis: RedisConfig;
  /** Put before each key and channel as it is. */
  keyPrefix: string;
  logger: Logger;
  /**
   * How long a command may take to answer or to fail; an outage that lasts longer makes commands fail at once. Twice
   * this at worst, when the connection comes back and then stalls.
   */
  commandTimeoutMs?: number;
  /** How long to wait for Redis at the start. */
  startTimeoutMs?: number;
};

export type RedisKeyStore = KeyStore & { readonly connections: RedisConnections };

/** How a method talks to Redis: `run` waits for the connection, bounds the time, and translates errors. */
type Door = {
  client: RedisClient;
  clustered: boolean;
  prefixed: (key: string) => string;
  run: <T>(command: () => Promise<T>) => Promise<T>;
};

/**
 * Opens the key store on Redis. Rejects with UNAVAILABLE when Redis can't be reached within `startTimeoutMs`, and
 * throws an Error when the URL is not usable. A rejected command may still have been carried out: the answer was lost.
 */
export async function openRedisKeyStore(options: RedisKeyStoreOptions): Promise<RedisKeyStore> {
  const { redis, keyPrefix, logger, commandTimeoutMs = 2_000, startTimeoutMs = 10_000 } = options;
  const connections = createConnections({ redis, logger, commandTimeoutMs });
  const client = connections.duplicate('commands', 'keys');
  const link = linkTo(client, { graceMs: commandTimeoutMs, startMs: startTimeoutMs });
  const prefixed = (key: string): string => keyPrefix + key;

  // ioredis starts the clock of a batched command when the batch before it is done: hence a clock of our own.
  const deadlines = createDeadlines({ limitMs: commandTimeoutMs, what: 'Redis' });
  const run = async <T>(command: () => Promise<T>): Promise<T> => {
    try {
      if (!link.isReady()) await link.whenReady();
      return await deadlines.bound(command());
    } catch (error) {
      throw unavailable(error);
    }
  };

  try {
    await link.whenReady();
  } catch (error) {
    link.close();
    connections.close();
    throw unavailable(error);
  }
  const subscriber = createSubscriber({
    open: () => connections.bareSubscriber(client),
    logger,
    timeoutMs: commandTimeoutMs,
  });
  const door: Door = { client, clustered: connections.kind === 'cluster', prefixed, run };
  return {
    kind: 'redis',
    connections,
    ...values(door),
    ...counters(door),
    ...leases(door),
    ...publishing(door),
    // Bounded by the subscriber itself, which must take the listener away again when it gives up.
    subscribe: (channel, listener) =>
      subscriber.subscribe(prefixed(channel), listener).catch((error: unknown) => {
        throw unavailable(error);
      }),
    close: async () => {
      link.close();
      subscriber.close();
      // What was asked before is answered before the connection ends.
      if (client.status === 'ready')
        await within(client.quit(), commandTimeoutMs, 'Redis').catch(() => undefined);
      connections.close();
    },
  };
}

/** Redis takes whole milliseconds, and at least one. */
function wholeMs(ms: number): number {
  return Math.max(1, Math.ceil(ms));
}

type ValueMethods = Pick<
  KeyStore,
  'get' | 'getMany' | 'set' | 'delete' | 'take' | 'ttl' | 'compareAndSet' | 'lock' | 'ping'
>;

function values({ client, clustered, prefixed, run }: Door): ValueMethods {
  const compareAndSetScript = defineScript(client, 'parleyCompareAndSet', lua.compareAndSetLua);

  const compareAndSet: KeyStore['compareAndSet'] = (key, { expected, next, ttlMs }) =>
    run(async () => {
      const flags = [expected === null ? 0 : 1, expected ?? '', next === null ? 0 : 1, next ?? ''] as const;
      return (
        (await compareAndSetScript(prefixed(key), ...flags, ttlMs === undefined ? 0 : wholeMs(ttlMs))) === 1
      );
    });

  const set: KeyStore['set'] = (key, value, { ttlMs, onlyIfAbsent = false } = {}) =>
    run(async () => {
      const full = prefixed(key);
      if (ttlMs === undefined)
        return (await (onlyIfAbsent ? client.set(full, value, 'NX') : client.set(full, value))) === 'OK';
      const px = wholeMs(ttlMs);
      return (
        (await (onlyIfAbsent
          ? client.set(full, value, 'PX', px, 'NX')
          : client.set(full, value, 'PX', px))) === 'OK'
      );
    });

  return {
    set,
    compareAndSet,
    get: (key) => run(() => client.get(prefixed(key))),
    // In a cluster the keys lie on many servers: single GETs, which are batched per server.
    getMany: (keys) =>
      run(async () => {
        if (keys.length === 0) return [];
        if (clustered) return Promise.all(keys.map((key) => client.get(prefixed(key))));
        return client.mget(keys.map(prefixed));
      }),
    delete: (...keys) =>
      run(async () => {
        if (keys.length === 0) return 0;
        if (!clustered) return client.del(keys.map(prefixed));
        const counts = await Promise.all(keys.map((key) => client.del(prefixed(key))));
        return counts.reduce((sum, count) => sum + count, 0);
      }),
    take: (key) => run(() => client.getdel(prefixed(key))),
    ttl: (key) =>
      run(async () => {
        const left = await client.pttl(prefixed(key));
        return left < 0 ? null : left;
      }),
    lock: async (key, ttlMs) => {
      const token = randomUUID();
      if (!(await set(key, token, { ttlMs, onlyIfAbsent: true }))) return null;
      return {
        extend: (moreMs) => compareAndSet(key, { expected: token, next: token, ttlMs: moreMs }),
        release: () => compareAndSet(key, { expected: token, next: null }),
      };
    },
    ping: async () => {
      const start = performance.now();
      // A read rather than PING: it proves that the data can be reached, on the server of this key in a cluster.
      await run(() => client.exists(prefixed('ping')));
      return performance.now() - start;
    },
  };
}

function counters({ client, prefixed, run }: Door): Pick<KeyStore, 'increment' | 'takeToken'> {
  const increment = defineScript(client, 'parleyIncrement', lua.incrementLua);
  const takeToken = defineScript(client, 'parleyTakeToken', lua.takeTokenLua);
  return {
    increment: (key, { windowMs, by = 1 }) =>
      run(async () => {
        const [count, resetMs] = (await increment(prefixed(key), by, wholeMs(windowMs))) as [number, number];
        return { count, resetMs };
      }),
    takeToken: (key, { capacity, refillPerMinute, tokens = 1 }) =>
      run(async () => {
        const answer = await takeToken(prefixed(key), capacity, refillPerMinute, tokens);
        const [allowed, remaining, retryMs] = answer as [number, number, number];
        return { allowed: allowed === 1, remaining, retryMs };
      }),
  };
}

type LeaseMethods = Pick<
  KeyStore,
  'leaseAdd' | 'leaseRemove' | 'leaseMembers' | 'leaseMembersMany' | 'leaseReap'
>;

function leases({ client, prefixed, run }: Door): LeaseMethods {
  const add = defineScript(client, 'parleyLeaseAdd', lua.leaseAddLua);
  const remove = defineScript(client, 'parleyLeaseRemove', lua.leaseRemoveLua);
  const members = defineScript(client, 'parleyLeaseMembers', lua.leaseMembersLua);
  const reap = defineScript(client, 'parleyLeaseReap', lua.leaseReapLua);
  return {
    leaseAdd: (key, member, ttlMs) =>
      run(async () => {
        await add(prefixed(key), member, wholeMs(ttlMs));
      }),
    leaseRemove: (key, member) => run(async () => (await remove(prefixed(key), member)) === 1),
    leaseMembers: (key) => run(async () => (await members(prefixed(key))) as string[]),
    leaseMembersMany: (keys) =>
      run(async () => (await Promise.all(keys.map((key) => members(prefixed(key))))) as string[][]),
    leaseReap: (key) => run(async () => (await reap(prefixed(key))) as string[]),
  };
}

function publishing({ client, clustered, prefixed, run }: Door): Pick<KeyStore, 'publish' | 'subscribers'> {
  const publishByKey = defineScript(client, 'parleyPublish', lua.publishLua);
  const count = (reply: unknown[]): number => Number(reply[1] ?? 0);
  return {
    publish: (channel, message) =>
      run(async () => {
        await (clustered
          ? publishByKey(prefixed(channel), message)
          : client.publish(prefixed(channel), message));
      }),
    subscribers: (channel) =>
      run(async () => {
        // Each node of a cluster knows its own listeners only.
        const servers = 'nodes' in client ? client.nodes() : [client];
        const replies = await Promise.all(
          servers.map((server) => server.pubsub('NUMSUB', prefixed(channel))),
        );
        return replies.reduce((sum, reply) => sum + count(reply), 0);
      }),
  };
}
