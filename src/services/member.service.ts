import { LRUCache } from 'lru-cache';
import type { MemberRole } from '../contract/views.js';
import type { Cluster } from '../platform/cluster/cluster.js';
import { notFound } from '../platform/errors/app-error.js';
import type { MemberModel, NewMember } from '../models/member.model.js';
import { rolePolicy } from './chat.policy.js';

/**
 * Who is in which chat. Every right in a chat starts here.
 *
 * Invariant: a change is in force on every live node (its cache knows, its sockets have entered or left the chat's room)
 * before the method that made it resolves. So nothing reaches a removed member after his removal is acknowledged.
 */
export type MemberService = {
  /** The user's role in the chat; throws NOT_FOUND for strangers and ex-members alike. Cached, so a message costs no read. */
  require(chatId: string, userId: string): Promise<MemberRole>;
  /** As `require`, and throws FORBIDDEN for a plain member. */
  requireAdmin(chatId: string, userId: string): Promise<MemberRole>;
  /** Adds those who aren't in yet; answers who was added. */
  add(chatId: string, members: readonly NewMember[], options?: { direct: boolean }): Promise<string[]>;
  /** The memberships are written already (a new group's): put them in force on every node. */
  announceEntered(chatId: string, userIds: readonly string[]): Promise<void>;
  /** False when he was not in. Repeating it is safe, and cuts him again where a node had missed it. */
  remove(chatId: string, userId: string): Promise<boolean>;
  removeAll(chatId: string, userIds: readonly string[]): Promise<void>;
  setRole(chatId: string, userId: string, role: MemberRole): Promise<boolean>;
};

/** The sockets a node holds, as far as memberships concern them: given by the realtime layer. */
export type MemberRooms = {
  /** Those of the users who have a socket here, or are about to. */
  present(userIds: readonly string[]): string[];
  /** `peers`: the two of a direct chat. */
  enter(userIds: readonly string[], chatId: string, options: { peers: readonly string[] }): void;
  leave(userIds: readonly string[], chatId: string): void;
  /** Who watches the user's presence here by sharing a chat, and whose he watches so. */
  watchOf(userId: string): { watchers: string[]; watched: string[] };
  unwatch(watcherIds: readonly string[], watchedIds: readonly string[]): void;
};

/** `pair`: both people of a direct chat, though only one may have been missing. */
type Change = { chatId: string; userIds: string[]; change: 'entered' | 'left' | 'role'; pair?: string[] };

const TOPIC = 'members.changed';
const ROLES_KEPT = 100_000;
/** Belt and braces: even a node that missed an invalidation is right again after this. */
const ROLE_TTL_MS = 60_000;

export function createMemberService(deps: {
  members: MemberModel;
  cluster: Cluster;
  rooms: MemberRooms;
  /** The two have a direct chat: on this node they may be told of each other's presence. */
  nowPeers: (a: string, b: string) => Promise<void>;
}): MemberService {
  const roles = new LRUCache<string, MemberRole>({ max: ROLES_KEPT, ttl: ROLE_TTL_MS });
  /** Reads under way; a change that comes meanwhile removes the entry, so that an old answer is not cached. */
  const reading = new Map<string, Promise<MemberRole | null>>();

  deps.cluster.on(TOPIC, (payload) => apply(payload as Change));
  deps.cluster.onRejoined(() => {
    roles.clear();
    reading.clear();
  });

  /** Changes of one chat, one after the other: what they do to rooms is read, and must not be overtaken. */
  const applying = new Map<string, Promise<void>>();

  async function apply(change: Change): Promise<void> {
    for (const userId of change.userIds) {
      const key = `${change.chatId}:${userId}`;
      roles.delete(key);
      reading.delete(key);
    }
    if (change.change === 'role') return;
    const before = applying.get(change.chatId) ?? Promise.resolve();
    const mine = before.then(() => bringRoomsInLine(change));
    applying.set(change.chatId, mine);
    await mine;
    if (applying.get(change.chatId) === mine) applying.delete(change.chatId);
  }

  /**
   * Not what the change says counts, but what is true now: two changes of one person may be heard in another order than
   * they were written. Each is told after its write, so the last one heard sees the last one written. In doubt, out.
   */
  async function bringRoomsInLine({ chatId, userIds, change, pair = [] }: Change): Promise<void> {
    const here = deps.rooms.present(userIds);
    const watched =
      change === 'left' ? userIds.filter((id) => deps.rooms.watchOf(id).watchers.length > 0) : [];
    const concerned = [...new Set([...here, ...watched])];
    if (concerned.length === 0) return;
    const members = new Set(await deps.members.findAmong(chatId, concerned).catch((): string[] => []));
    const gone = concerned.filter((id) => !members.has(id));
    deps.rooms.leave(gone, chatId);
    deps.rooms.enter([...members], chatId, { peers: pair });
    const [a, b] = pair;
    if (a !== undefined && b !== undefined) await deps.nowPeers(a, b);
    for (const userId of gone) await stopWatching(userId);
  }

  /** Presence is told to those who share a chat; they may have shared another one. */
  async function stopWatching(userId: string): Promise<void> {
    const { watchers, watched } = deps.rooms.watchOf(userId);
    const concerned = [...new Set([...watchers, ...watched])];
    if (concerned.length === 0) return;
    const still = new Set(await deps.members.thoseSharingChat(userId, concerned).catch((): string[] => []));
    const unrelated = (ids: string[]): string[] => ids.filter((id) => !still.has(id));
    deps.rooms.unwatch(unrelated(watchers), [userId]);
    deps.rooms.unwatch([userId], unrelated(watched));
  }

  const tellAll = (change: Change): Promise<void> => deps.cluster.tellAll(TOPIC, change);

  async function read(key: string, chatId: string, userId: string): Promise<MemberRole | null> {
    const under = reading.get(key);
    if (under !== undefined) return under;
    const promise = deps.members.find(chatId, userId).then((member) => member?.role ?? null);
    reading.set(key, promise);
    try {
      const role = await promise;
      if (reading.get(key) === promise && role !== null) roles.set(key, role);
      return role;
    } finally {
      if (reading.get(key) === promise) reading.delete(key);
    }
  }

  async function require(chatId: string, userId: string): Promise<MemberRole> {
    const key = `${chatId}:${userId}`;
    const role = roles.get(key) ?? (await read(key, chatId, userId));
    if (role === null) throw notFound('chat');
    return role;
  }

  return {
    require,
    requireAdmin: async (chatId, userId) => {
      const role = await require(chatId, userId);
      rolePolicy.assertAdmin(role);
      return role;
    },
    add: async (chatId, members, { direct } = { direct: false }) => {
      const added = await deps.members.add(members);
      if (added.length === 0) return added;
      const pair = direct ? members.map((member) => member.user.toHexString()) : [];
      await tellAll({ chatId, userIds: direct ? pair : added, change: 'entered', pair });
      return added;
    },
    announceEntered: (chatId, userIds) => tellAll({ chatId, userIds: [...userIds], change: 'entered' }),
    remove: async (chatId, userId) => {
      const removed = await deps.members.remove(chatId, userId);
      await tellAll({ chatId, userIds: [userId], change: 'left' });
      return removed;
    },
    removeAll: async (chatId, userIds) => {
      await deps.members.removeAll(chatId);
      await tellAll({ chatId, userIds: [...userIds], change: 'left' });
    },
    setRole: async (chatId, userId, role) => {
      const changed = await deps.members.setRole(chatId, userId, role);
      if (changed) await tellAll({ chatId, userIds: [userId], change: 'role' });
      return changed;
    },
  };
}
