import type { PresenceStatus, PresenceView } from '../contract/views.js';
import type { Clock } from '../platform/clock/clock.js';
import type { Cluster } from '../platform/cluster/cluster.js';
import { key } from '../platform/keys/keys.js';
import type { KeyStore } from '../platform/keystore/key-store.js';
import type { Logger } from '../platform/logging/logger.js';
import type { UserModel } from '../models/user.model.js';
import type { ParleyFacts } from './facts.js';

/**
 * Who is online: a user is while any of his sockets lives on any node, unless he has chosen to be unseen.
 *
 * Each node enters itself into the set `presence(user)` with his first socket there, and leaves it with his last. An entry
 * counts only while that node's own lease lives, so a node that dies without a word takes its people offline with it: a
 * survivor announces them. One lease per node is renewed, not one per user, so the cost does not grow with idle people.
 *
 * Whoever has chosen `offline` leaves no trace of coming and going: nothing is announced, and his `lastSeen` is when he
 * chose it.
 */
export type PresenceService = {
  connected(userId: string): Promise<void>;
  disconnected(userId: string): void;
  states(userIds: readonly string[]): Promise<Map<string, PresenceState>>;
  /** What he has chosen, connected or not; `offline` when it can't be found out. */
  chosenStatus(userId: string): Promise<PresenceStatus>;
  /** One for all of his devices. */
  setStatus(userId: string, status: PresenceStatus): Promise<PresenceView>;
  /** Takes this node's people offline at once: no grace, the node is leaving. */
  close(): Promise<void>;
};

export type PresenceState = { isOnline: boolean; status: PresenceStatus };
/** Told to all nodes when what they may have cached of users' profiles is out of date. */
export const PROFILE_CHANGED = 'profile.changed';
export type ProfileChanged = { userIds: string[] };
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
/** How many people of a node that is gone are taken offline in one go. */
const AT_ONCE = 250;

export function createPresenceService(deps: Deps): PresenceService {
  const { keyStore, cluster, clock, logger } = deps;
  const local = new Map<string, Local>();
  /** Whose grace has ended in this turn: many at once when a proxy or a network goes. */
  let departing: string[] = [];

  cluster.onNodeLost(async (nodeId) => {
    await leave(await keyStore.leaseMembers(key.nodeUsers(nodeId)), nodeId);
    if (!(await cluster.liveNodes()).has(nodeId)) await keyStore.delete(key.nodeUsers(nodeId));
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

  /** Takes a node's entries away, and announces those offline who were nowhere else. */
  async function leave(userIds: readonly string[], nodeId: string): Promise<void> {
    for (let start = 0; start < userIds.length; start += AT_ONCE) {
      // It was only frozen and is back: its people are its own again.
      if (nodeId !== cluster.nodeId && (await cluster.liveNodes()).has(nodeId)) return;
      const some = userIds.slice(start, start + AT_ONCE).filter((userId) => !isBack(userId, nodeId));
      await Promise.all(
        some.flatMap((userId) => [
          keyStore.leaseRemove(key.presence(userId), nodeId),
          keyStore.leaseRemove(key.nodeUsers(nodeId), userId),
        ]),
      );
      const connected = await connectedAmong(some);
      await announceGone(some.filter((userId) => !connected.has(userId)));
    }
  }

  /** He has come back while others were taken offline. */
  function isBack(userId: string, nodeId: string): boolean {
    return nodeId === cluster.nodeId && local.has(userId);
  }

  async function announceGone(userIds: readonly string[]): Promise<void> {
    if (userIds.length === 0) return;
    const chosen = await keyStore.getMany(userIds.map(key.status));
    const seen = userIds.filter((_, index) => chosen[index] !== 'offline');
    await lastSeenNow(seen);
    const still = seen.filter((userId) => !isHere(userId));
    await announce(still.map((userId) => [userId, OFFLINE]));
  }

  function isHere(userId: string): boolean {
    return (local.get(userId)?.sockets ?? 0) > 0;
  }

  async function lastSeenNow(userIds: string[]): Promise<void> {
    if (userIds.length === 0) return;
    await deps.users.touchLastSeen(userIds, new Date(clock()));
    await profilesChanged(userIds);
  }

  async function profilesChanged(userIds: string[]): Promise<void> {
    const changed: ProfileChanged = { userIds };
    await cluster.tellAll(PROFILE_CHANGED, changed).catch(() => undefined);
  }

  /** Those with a socket on any node, whatever they have chosen to look like. */
  async function connectedAmong(userIds: readonly string[]): Promise<Set<string>> {
    const [entries, alive] = await Promise.all([
      keyStore.leaseMembersMany(userIds.map(key.presence)),
      cluster.liveNodes(),
    ]);
    return new Set(
      userIds.filter(
        (userId, index) => isHere(userId) || (entries[index] ?? []).some((node) => alive.has(node)),
      ),
    );
  }

  async function announce(states: readonly (readonly [string, PresenceState])[]): Promise<void> {
    if (states.length === 0) return;
    const profiles = await deps.users.findProfiles(states.map(([userId]) => userId));
    const profileOf = new Map(profiles.map((profile) => [profile._id.toHexString(), profile]));
    for (const [userId, state] of states) {
      const profile = profileOf.get(userId);
      if (profile === undefined) continue;
      deps.facts.publish('presence.changed', {
        presence: { userId, ...state, lastSeen: profile.lastSeen?.toISOString() ?? null },
        lastSeenFor: profile.settings.lastSeen,
      });
    }
  }

  async function readStatus(userId: string): Promise<PresenceStatus> {
    return ((await keyStore.get(key.status(userId))) as PresenceStatus | null) ?? 'online';
  }

  /** `offline` also where it can be counted (presence.census). */
  async function writeStatus(userId: string, status: PresenceStatus): Promise<void> {
    if (status === 'offline') await keyStore.leaseAdd(key.unseen, userId, STATUS_TTL_MS);
    else await keyStore.leaseRemove(key.unseen, userId);
    if (status === 'online') await keyStore.delete(key.status(userId));
    else await keyStore.set(key.status(userId), status, { ttlMs: STATUS_TTL_MS });
  }

  function endGrace(userId: string): void {
    const entry = local.get(userId);
    if (entry === undefined || entry.sockets > 0) return;
    local.delete(userId);
    departing.push(userId);
    if (departing.length === 1) setImmediate(depart);
  }

  function depart(): void {
    const userIds = departing;
    departing = [];
    leave(userIds, cluster.nodeId).catch((error: unknown) =>
      logger.warn('presence could not be withdrawn', { count: userIds.length, error }),
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
          readStatus(userId),
        ]);
        await enter(userId);
        const wasElsewhere = nodes.some((node) => node !== cluster.nodeId && alive.has(node));
        if (!wasElsewhere && status !== 'offline') await announce([[userId, { isOnline: true, status }]]);
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
        // Not to know is to say nothing: he may have chosen to be unseen.
        const chosen =
          statuses === null ? 'offline' : ((statuses[index] as PresenceStatus | null) ?? 'online');
        states.set(userId, online && chosen !== 'offline' ? { isOnline: true, status: chosen } : OFFLINE);
      });
      return states;
    },

    chosenStatus: (userId) =>
      readStatus(userId).catch((error: unknown) => {
        logger.debug('a status could not be read', { userId, error });
        return 'offline' as const;
      }),

    setStatus: async (userId, status) => {
      const [before, connected] = await Promise.all([readStatus(userId), connectedAmong([userId])]);
      const online = connected.has(userId) && status !== 'offline';
      const view = { userId, ...(online ? { isOnline: true, status } : OFFLINE), lastSeen: null };
      if (before === status) return view;
      await writeStatus(userId, status);
      await profilesChanged([userId]);
      if (!connected.has(userId)) return view;
      // Of two devices that choose at once one has the last word: both announce that one's.
      const now = await readStatus(userId);
      if (now === 'offline') await lastSeenNow([userId]);
      await announce([[userId, now === 'offline' ? OFFLINE : { isOnline: true, status: now }]]);
      return view;
    },

    close: async () => {
      clearInterval(renewal);
      const people = [...local.entries()];
      local.clear();
      for (const [, entry] of people) if (entry.leaving !== null) clearTimeout(entry.leaving);
      await leave(
        people.map(([userId]) => userId),
        cluster.nodeId,
      ).catch((error: unknown) => logger.warn('presence could not be withdrawn', { error }));
    },
  };
}
