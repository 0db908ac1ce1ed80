import { key } from '../keys/keys.js';
import type { KeyStore } from '../keystore/key-store.js';
import type { Logger } from '../logging/logger.js';

/** This node's lease among the others', and the look-out for leases that ran out. */
export type Registry = {
  /** Cached for up to a second; `fresh` asks the store. */
  liveNodes(how?: 'cached' | 'fresh'): Promise<ReadonlySet<string>>;
  start(): Promise<void>;
  /** Gives the lease back. Never rejects. */
  close(): Promise<void>;
};

type Deps = {
  keyStore: KeyStore;
  logger: Logger;
  nodeId: string;
  leaseMs: number;
  heartbeatMs: number;
  /** After each heartbeat that reached the store. */
  onBeat: () => void;
  /** A heartbeat reached the store again after this node's lease must have ended. */
  onLapsed: () => void;
  /** The leases of these nodes ended without a goodbye; no other node is told of them. */
  onEnded: (nodeIds: readonly string[]) => void;
};

const cachedForMs = 1_000;

/**
 * The store's clock decides who lives. A lapse is seen in two ways: the lease is missing from the registry (it was
 * reaped, or the store came back empty), or this process did not run for longer than a lease.
 */
export function createRegistry(deps: Deps): Registry {
  const { keyStore, logger, nodeId, leaseMs, heartbeatMs, onBeat, onLapsed, onEnded } = deps;
  let cache: { nodes: ReadonlySet<string>; at: number } | null = null;
  let reading: Promise<ReadonlySet<string>> | null = null;
  let timer: NodeJS.Timeout | undefined;
  let beating: Promise<void> = Promise.resolve();
  let registeredAt = 0;
  let failing = false;
  let closed = false;

  const read = async (): Promise<ReadonlySet<string>> => {
    const members = await keyStore.leaseMembers(key.nodes);
    const nodes: ReadonlySet<string> = new Set([...members, nodeId]);
    cache = { nodes, at: performance.now() };
    return nodes;
  };

  const register = async (): Promise<void> => {
    const at = performance.now();
    await keyStore.leaseAdd(key.nodes, nodeId, leaseMs);
    registeredAt = at;
    const ended = (await keyStore.leaseReap(key.nodes)).filter((id) => id !== nodeId);
    if (ended.length > 0) onEnded(ended);
  };

  const beat = async (): Promise<void> => {
    const members = await keyStore.leaseMembers(key.nodes);
    const lapsed = !members.includes(nodeId) || performance.now() - registeredAt > leaseMs;
    await register();
    onBeat();
    if (lapsed) onLapsed();
  };

  const schedule = (delayMs: number): void => {
    if (closed) return;
    timer = setTimeout(() => {
      beating = beat().then(
        () => {
          if (failing) logger.info('Heartbeats reach the key store again');
          failing = false;
          schedule(heartbeatMs);
        },
        (cause: unknown) => {
          if (!failing) logger.warn('A heartbeat did not reach the key store', { cause });
          failing = true;
          schedule(Math.min(heartbeatMs, 1_000));
        },
      );
    }, delayMs);
    timer.unref();
  };

  return {
    liveNodes: async (how = 'cached') => {
      if (how === 'fresh') return read();
      if (cache !== null && performance.now() - cache.at < cachedForMs) return cache.nodes;
      // Many ask at once after the second is over: one of them asks the store.
      reading ??= read().finally(() => (reading = null));
      return reading;
    },
    start: async () => {
      await register();
      schedule(heartbeatMs);
    },
    close: async () => {
      closed = true;
      clearTimeout(timer);
      // A heartbeat under way would register the node again.
      await beating;
      await keyStore.leaseRemove(key.nodes, nodeId).catch((cause: unknown) => {
        logger.warn('The goodbye did not reach the key store', { cause });
      });
    },
  };
}
