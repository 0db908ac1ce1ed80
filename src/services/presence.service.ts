import type { PresenceStatus, PresenceView } from '../contract/views.js';
import type { Clock } from '../platform/clock/clock.js';
import type { Cluster } from '../platform/cluster/cluster.js';
import { key } from '../platform/keys/keys.js';
import type { KeyStore } from '../platform/keystore/key-store.js';
import type { Logger } from '../platform/logging/logger.js';
import type { UserModel } from '../models/user.model.js';
import type { ParleyFacts } from './facts.js';

/**
 * Who is online: a user is while any of his sockets lives on any node.
 *
 * Each node enters itself into the set `presence(user)` with his first socket there, and leaves it with his last. An entry
 * counts only while that node's own lease lives, so a node that dies without a word takes its people offline with it: a
 * survivor announces them. One lease per node is renewed, not one per user, so the cost does not grow with idle people.
 */
export type PresenceService = {
  connected(userId: string): Promise<void>;
  disconnected(userId: string): void;
  states(userIds: readonly string[]): Promise<Map<string, PresenceState>>;
  setStatus(userId: string, status: PresenceStatus): Promise<PresenceView>;
  /** Takes this node's people offline at once: no grace, the node is leaving. */
  close(): Promise<void>;
};

export type PresenceState = { isOnline: boolean; status: PresenceStatus };
/** Told to all nodes when what they may have cached of a user's profile is out of date. */
export const PROFILE_CHANGED = 'profile.changed';
export const OFFLINE: PresenceState = { isOnline: false, status: 'offline' };

type Deps = {
  keyStore: KeyStore;
  cluster: Cluster;
  users: Pick<UserModel, 'touchLastSeen' | 'findProfiles'>;
  facts: ParleyFacts;
  clock: Clock;
  logger: Logger;
  /** A page reload is not a blink. */
  graceMs?: number;
};

type Local = { sockets: number; leaving: NodeJS.Timeout | null };

/** Only a safety net: entries normally end with their node's lease or by a goodbye. */
const ENTRY_TTL_MS = 24 * 3_600_000;
const STATUS_TTL_MS = 30 * 24 * 3_600_000;

export function createPresenceService(deps: Deps): PresenceService {
  const { keyStore, cluster, clock, logger } = deps;
  const local = new Map<string, Local>();

  cluster.onNodeLost(async (nodeId) => {
    for (const userId of await keyStore.leaseMembers(key.nodeUsers(nodeId))) {
      // It was only frozen and is back: its people are its own again.
      if ((await cluster.liveNodes()).has(nodeId)) return;
      await leave(userId, nodeId);
    }
    await keyStore.delete(key.nodeUsers(nodeId));
  });
  // The key store forgot us (it came back empty, or we were away for too long): say again who is here.
  cluster.onRejoined(async (reason) => {
    if (reason === 'lapsed') await enterAll();
  });
  const renewal = setInterval(() => {
    enterAll().catch((error: unknown) => logger.warn('presence could not be renewed', { error }));
  }, ENTRY_TTL_MS / 4).unref();

  async function enterAll(): Promise<void> {
    for (const userId of [...local.keys()]) await enter(userId);
  }

  async function enter(userId: string): Promise<void> {
    await Promise.all([
      keyStore.leaseAdd(key.presence(userId), cluster.nodeId, ENTRY_TTL_MS),
      keyStore.leaseAdd(key.nodeUsers(cluster.nodeId), userId, ENTRY_TTL_MS),
    ]);
  }

  /** Takes a node's entry away and announces the user offline if that was the last. */
  async function leave(userId: string, nodeId: string): Promise<void> {
    await Promise.all([
      keyStore.leaseRemove(key.presence(userId), nodeId),
      keyStore.leaseRemove(key.nodeUsers(nodeId), userId),
    ]);
    if (await isOnlineSomewhere(userId)) return;
    const now = new Date(clock());
    await deps.users.touchLastSeen(userId, now);
    await cluster.tellAll(PROFILE_CHANGED, { userId }).catch(() => undefined);
    await announce(userId, OFFLINE, now);
  }

  async function isOnlineSomewhere(userId: string): Promise<boolean> {
    if ((local.get(userId)?.sockets ?? 0) > 0) return true;
    const [nodes, alive] = await Promise.all([
      keyStore.leaseMembers(key.presence(userId)),
      cluster.liveNodes(),
    ]);
    return nodes.some((node) => alive.has(node));
  }

  async function announce(userId: string, state: PresenceState, lastSeen: Date | null): Promise<void> {
    const [profile] = await deps.users.findProfiles([userId]);
    if (profile === undefined) return;
    const shown = profile.settings.lastSeen === 'everyone' ? (lastSeen ?? profile.lastSeen) : null;
    deps.facts.publish('presence.changed', { userId, ...state, lastSeen: shown?.toISOString() ?? null });
  }

  async function chosenStatus(userId: string): Promise<PresenceStatus> {
    return ((await keyStore.get(key.status(userId))) as PresenceStatus | null) ?? 'online';
  }

  function endGrace(userId: string): void {
    const entry = local.get(userId);
    if (entry === undefined || entry.sockets > 0) return;
    local.delete(userId);
    leave(userId, cluster.nodeId).catch((error: unknown) =>
      logger.warn('presence could not be withdrawn', { userId, error }),
    );
  }

  return {
    connected: async (userId) => {
      const entry = local.get(userId) ?? { sockets: 0, leaving: null };
      const wasHere = local.has(userId);
      entry.sockets += 1;
      if (entry.leaving !== null) clearTimeout(entry.leaving);
      entry.leaving = null;
      local.set(userId, entry);
      if (wasHere) return;
      try {
        const [nodes, alive, status] = await Promise.all([
          keyStore.leaseMembers(key.presence(userId)),
          cluster.liveNodes(),
          chosenStatus(userId),
        ]);
        await enter(userId);
        const wasElsewhere = nodes.some((node) => node !== cluster.nodeId && alive.has(node));
        if (!wasElsewhere && status !== 'offline') await announce(userId, { isOnline: true, status }, null);
      } catch (error) {
        // Chat goes on without the key store; the next rejoin says again who is here.
        logger.warn('presence could not be entered', { userId, error });
      }
    },

    disconnected: (userId) => {
      const entry = local.get(userId);
      if (entry === undefined) return;
      entry.sockets -= 1;
      if (entry.sockets > 0) return;
      entry.leaving = setTimeout(() => endGrace(userId), deps.graceMs ?? 5_000).unref();
    },

    states: async (userIds) => {
      const states = new Map<string, PresenceState>();
      if (userIds.length === 0) return states;
      const unavailable = (error: unknown): null => {
        logger.debug('presence could not be read', { error });
        return null;
      };
      const [entries, statuses, alive] = await Promise.all([
        keyStore.leaseMembersMany(userIds.map(key.presence)).catch(unavailable),
        keyStore.getMany(userIds.map(key.status)).catch(unavailable),
        cluster.liveNodes().catch(unavailable),
      ]);
      userIds.forEach((userId, index) => {
        const here = local.has(userId);
        const online = here || (entries?.[index] ?? []).some((node) => alive?.has(node) === true);
        const chosen = (statuses?.[index] as PresenceStatus | null | undefined) ?? 'online';
        states.set(userId, online && chosen !== 'offline' ? { isOnline: true, status: chosen } : OFFLINE);
      });
      return states;
    },

    setStatus: async (userId, status) => {
      if (status === 'online') await keyStore.delete(key.status(userId));
      else await keyStore.set(key.status(userId), status, { ttlMs: STATUS_TTL_MS });
      const online = status !== 'offline' && (await isOnlineSomewhere(userId));
      const state = online ? { isOnline: true, status } : OFFLINE;
      await announce(userId, state, null);
      return { userId, ...state, lastSeen: null };
    },

    close: async () => {
      clearInterval(renewal);
      const people = [...local.entries()];
      local.clear();
      for (const [, entry] of people) if (entry.leaving !== null) clearTimeout(entry.leaving);
      await Promise.allSettled(people.map(([userId]) => leave(userId, cluster.nodeId)));
    },
  };
}
