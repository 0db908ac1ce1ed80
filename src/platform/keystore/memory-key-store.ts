import { randomUUID } from 'node:crypto';
import { systemClock } from '../clock/clock.js';
import { AppError } from '../errors/app-error.js';
import type { KeyStore } from './key-store.js';
import { memoryBus } from './memory-bus.js';
import { Bucket, Count, LeaseSet, MemoryTable, Text } from './memory-table.js';
import { bucketTolerance, longestBucketMs } from './redis-scripts.js';

/**
 * The key store in this process's memory, for a deployment of one process. Its state goes with the process.
 *
 * Expired entries are dropped when they are met and by one timer that keeps no process alive. Each method does its
 * work before it returns, so callers interleave between methods, never inside one. `clock` gives milliseconds since 1970.
 */
export function openMemoryKeyStore({ clock = systemClock }: { clock?: () => number } = {}): KeyStore {
  const table = new MemoryTable(clock);
  const bus = memoryBus();
  const close = (): Promise<void> => {
    table.close();
    bus.close();
    return Promise.resolve();
  };
  return {
    kind: 'memory',
    ...values(table),
    ...counters(table),
    ...leases(table),
    publish: async (channel, message) => {
      table.assertOpen();
      bus.publish(channel, message);
    },
    subscribe: async (channel, listener) => {
      table.assertOpen();
      return bus.subscribe(channel, listener);
    },
    subscribers: async (channel) => {
      table.assertOpen();
      return bus.has(channel) ? 1 : 0;
    },
    ping: async () => {
      table.assertOpen();
      return 0;
    },
    close,
  };
}

type ValueMethods = Pick<
  KeyStore,
  'get' | 'getMany' | 'set' | 'delete' | 'take' | 'ttl' | 'compareAndSet' | 'lock'
>;

function values(table: MemoryTable): ValueMethods {
  const read = (key: string): string | null => {
    const entry = table.find(key);
    if (entry === undefined) return null;
    if (entry instanceof Text) return entry.value;
    if (entry instanceof Count) return String(entry.value);
    throw wrongKind();
  };
  const write = (key: string, value: string, ttlMs: number | undefined): void => {
    table.put(key, new Text(value, table.endsAt(ttlMs)));
  };

  const compareAndSet: KeyStore['compareAndSet'] = async (key, { expected, next, ttlMs }) => {
    if (read(key) !== expected) return false;
    if (next === null) table.remove(key);
    else write(key, next, ttlMs);
    return true;
  };

  return {
    compareAndSet,
    get: async (key) => read(key),
    getMany: async (keys) => keys.map(read),
    set: async (key, value, { ttlMs, onlyIfAbsent = false } = {}) => {
      if (onlyIfAbsent && table.find(key) !== undefined) return false;
      write(key, value, ttlMs);
      return true;
    },
    delete: async (...keys) => {
      let existed = 0;
      for (const key of keys) if (table.find(key) !== undefined && table.remove(key)) existed += 1;
      return existed;
    },
    take: async (key) => {
      const value = read(key);
      table.remove(key);
      return value;
    },
    ttl: async (key) => {
      const entry = table.find(key);
      return entry === undefined || entry.endsAt === Infinity ? null : entry.endsAt - table.now();
    },
    lock: async (key, ttlMs) => {
      if (table.find(key) !== undefined) return null;
      const token = randomUUID();
      write(key, token, ttlMs);
      return {
        extend: (moreMs) => compareAndSet(key, { expected: token, next: token, ttlMs: moreMs }),
        release: () => compareAndSet(key, { expected: token, next: null }),
      };
    },
  };
}

function counters(table: MemoryTable): Pick<KeyStore, 'increment' | 'takeToken'> {
  return {
    increment: async (key, { windowMs, by = 1 }) => {
      const entry = countAt(table, key);
      if (entry.endsAt === Infinity) entry.endsAt = table.endsAt(windowMs);
      entry.value += by;
      return { count: entry.value, resetMs: entry.endsAt - table.now() };
    },
    takeToken: async (key, { capacity, refillPerMinute, tokens = 1 }) => {
      const now = table.now();
      const found = table.find(key);
      if (found !== undefined && !(found instanceof Bucket)) throw wrongKind();
      return takeFrom(table, { key, found, now }, { capacity, perMs: refillPerMinute / 60_000, tokens });
    },
  };
}

/** The counter at `key`; a new one of 0 without a window where there is none. */
function countAt(table: MemoryTable, key: string): Count {
  const found = table.find(key);
  if (found instanceof Count) return found;
  // A number that was `set` goes on as a counter and keeps its time of expiry, as in Redis.
  if (found !== undefined && !(found instanceof Text && /^-?\d{1,15}$/.test(found.value))) throw wrongKind();
  const entry = new Count(found === undefined ? 0 : Number(found.value), found?.endsAt ?? Infinity);
  table.put(key, entry);
  return entry;
}

/** A refusal changes nothing: the level is computed from the last taking, whenever that was. */
function takeFrom(
  table: MemoryTable,
  at: { key: string; found: Bucket | undefined; now: number },
  bucket: { capacity: number; perMs: number; tokens: number },
): { allowed: boolean; remaining: number; retryMs: number } {
  const { found, now } = at;
  const { capacity, perMs, tokens } = bucket;
  const level =
    found === undefined
      ? capacity
      : Math.min(capacity, found.level + Math.max(0, now - found.takenAt) * perMs);
  if (level < tokens - bucketTolerance) {
    const retryMs = Math.min(longestBucketMs, Math.ceil((tokens - level) / perMs - bucketTolerance));
    return { allowed: false, remaining: Math.floor(level), retryMs };
  }
  const left = Math.max(0, level - tokens);
  // A full bucket is like none: it may be forgotten once it has refilled.
  const endsAt = now + Math.max(1, Math.min(longestBucketMs, Math.ceil((capacity - left) / perMs)));
  if (found === undefined) {
    table.put(at.key, new Bucket(left, now, endsAt));
  } else {
    found.level = left;
    found.takenAt = now;
    found.endsAt = endsAt;
  }
  return { allowed: true, remaining: Math.floor(left), retryMs: 0 };
}

type LeaseMethods = Pick<
  KeyStore,
  'leaseAdd' | 'leaseRemove' | 'leaseMembers' | 'leaseMembersMany' | 'leaseReap'
>;

function leases(table: MemoryTable): LeaseMethods {
  const find = (key: string): LeaseSet | undefined => {
    const found = table.find(key);
    if (found !== undefined && !(found instanceof LeaseSet)) throw wrongKind();
    return found;
  };
  const dropIfEmpty = (key: string, set: LeaseSet): void => {
    if (set.size === 0) table.remove(key);
  };
  const live = (key: string): string[] => {
    const now = table.now();
    return find(key)?.inOrder((endsAt) => endsAt > now) ?? [];
  };
  return {
    leaseAdd: async (key, member, ttlMs) => {
      const found = find(key);
      const set = found ?? new LeaseSet();
      if (found === undefined) table.put(key, set);
      set.add(member, table.endsAt(ttlMs));
    },
    leaseRemove: async (key, member) => {
      const set = find(key);
      const endsAt = set?.endOf(member);
      if (set === undefined || endsAt === undefined) return false;
      set.delete(member);
      dropIfEmpty(key, set);
      return endsAt > table.now();
    },
    leaseMembers: async (key) => live(key),
    leaseMembersMany: async (keys) => keys.map(live),
    leaseReap: async (key) => {
      const set = find(key);
      if (set === undefined) return [];
      const now = table.now();
      const ended = set.inOrder((endsAt) => endsAt <= now);
      for (const member of ended) set.delete(member);
      dropIfEmpty(key, set);
      return ended;
    },
  };
}

/** Redis refuses a command on a key that holds another kind of value: so do we, or a mix-up would show in production only. */
function wrongKind(): AppError {
  return new AppError('UNAVAILABLE', { cause: new Error('The key holds another kind of value') });
}
