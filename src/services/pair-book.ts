import { LRUCache } from 'lru-cache';
import type { Cluster } from '../platform/cluster/cluster.js';

/**
 * A fact about pairs of people (they are friends; one has blocked the other), to be looked up in this process.
 *
 * Invariant: when `announce` resolves no live node goes by what it knew before, and its listeners have done their part.
 */
export type PairBook = {
  /** With whom the user is paired. */
  idsOf(userId: string): Promise<ReadonlySet<string>>;
  idsOfMany(userIds: readonly string[]): Promise<Map<string, ReadonlySet<string>>>;
  /** As `idsOf` when it is known already: for whoever can't wait. */
  peek(userId: string): ReadonlySet<string> | undefined;
  has(a: string, b: string): Promise<boolean>;
  /** After the write. Rejects UNAVAILABLE when the other nodes could not be told: to be repeated. */
  announce(a: string, b: string): Promise<void>;
  /** `listener` runs on every node after it has forgotten what it knew of the two. */
  onChanged(listener: (a: string, b: string) => void | Promise<void>): void;
};

/** Ids of all sets together: a person whom a hundred thousand have blocked must not fill the memory. */
const IDS_KEPT = 1_000_000;
/** Belt and braces: even a node that missed a word of the others is right again after this. */
const TTL_MS = 60_000;
const NONE: ReadonlySet<string> = new Set();

export function createPairBook(deps: {
  topic: string;
  cluster: Cluster;
  /** Every pair in which one of the users is. */
  load: (userIds: readonly string[]) => Promise<[string, string][]>;
}): PairBook {
  const { topic, cluster } = deps;
  const kept = new LRUCache<string, ReadonlySet<string>>({
    maxSize: IDS_KEPT,
    sizeCalculation: (ids) => ids.size + 1,
    ttl: TTL_MS,
  });
  const listeners: ((a: string, b: string) => void | Promise<void>)[] = [];
  /** Grows with every change, so that what was read before one is not kept after it. */
  let era = 0;

  cluster.on(topic, async (payload) => {
    const [a, b] = payload as [string, string];
    era += 1;
    kept.delete(a);
    kept.delete(b);
    for (const listener of listeners) await listener(a, b);
  });
  cluster.onRejoined(() => {
    era += 1;
    kept.clear();
  });

  async function idsOfMany(userIds: readonly string[]): Promise<Map<string, ReadonlySet<string>>> {
    const found = new Map<string, ReadonlySet<string>>();
    const missing: string[] = [];
    for (const id of new Set(userIds)) {
      const known = kept.get(id);
      if (known === undefined) missing.push(id);
      else found.set(id, known);
    }
    if (missing.length === 0) return found;
    const before = era;
    const read = new Map<string, Set<string>>();
    for (const [a, b] of await deps.load(missing)) {
      for (const [one, other] of [
        [a, b],
        [b, a],
      ] as const) {
        const ids = read.get(one) ?? new Set();
        read.set(one, ids.add(other));
      }
    }
    for (const id of missing) {
      const ids = read.get(id) ?? NONE;
      if (before === era) kept.set(id, ids);
      found.set(id, ids);
    }
    return found;
  }

  async function idsOf(userId: string): Promise<ReadonlySet<string>> {
    return kept.get(userId) ?? (await idsOfMany([userId])).get(userId) ?? NONE;
  }

  return {
    idsOf,
    idsOfMany,
    peek: (userId) => kept.get(userId),
    has: async (a, b) => {
      const known = kept.get(b);
      return known === undefined ? (await idsOf(a)).has(b) : known.has(a);
    },
    announce: (a, b) => cluster.tellAll(topic, [a, b]),
    onChanged: (listener) => {
      listeners.push(listener);
    },
  };
}
