import type { Socket } from 'socket.io';
import type { Actor, Origin } from '../../contract/actor.js';
import { room } from '../rooms/rooms.js';

/** What a socket knows of itself. */
export type SocketData = {
  actor: Actor;
  origin: Origin;
  /** Milliseconds since 1970; the token's end, prolonged by `auth:refresh`. */
  tokenExpiresAt: number;
  /** Since when this socket has been over its limits without a pause; 0 = it is not. */
  limitedSince: number;
  limitedLast: number;
  /** The other sides of direct chats, whose presence this socket hears of for good unless one is blocked. Null: nobody yet. */
  peers: Set<string> | null;
};

type NoEvents = Record<string, never>;
export type ParleySocket = Socket<NoEvents, NoEvents, NoEvents, SocketData>;

/**
 * The sockets this process holds, by user, and their part in chat rooms.
 *
 * Which chats a connecting user has is read before his socket exists. A change that comes in between would be missed,
 * so `expect` opens a ledger first, which collects the changes until the socket is `admit`ted.
 */
export type SocketRegistry = {
  expect(userId: string): Expected;
  /** Joins the socket to its rooms and keeps it until it disconnects. */
  admit(socket: ParleySocket, expected: Expected, rooms: RoomsOfUser): void;
  release(socket: ParleySocket): void;
  /** `peers`: the two of a direct chat; whether they are told of each other is `link`'s to say. */
  enterChat(userIds: readonly string[], chatId: string, options: { peers: readonly string[] }): void;
  leaveChat(userIds: readonly string[], chatId: string): void;
  /** True when the user has a socket here, or one on its way. */
  has(userId: string): boolean;
  /** Who is in the user's presence room here without being the other side of a direct chat, and in whose rooms he is so. */
  watchOf(userId: string): { watchers: string[]; watched: string[] };
  unwatch(watcherIds: readonly string[], watchedIds: readonly string[]): void;
  /** The socket has asked to be told of those users, and may be. */
  watch(socket: ParleySocket, watchedIds: readonly string[]): void;
  link(userId: string, otherId: string, how: Link): void;
  /** Those of whose presence the user's sockets are told here, and the other sides of his direct chats. */
  linkedTo(userId: string): string[];
  users(): string[];
  ofUser(userId: string): ReadonlySet<ParleySocket>;
  all(): Iterable<ParleySocket>;
  readonly size: number;
};

/** `peers`: the other sides of his direct chats, also those who are contacts or `blocked`. */
export type RoomsOfUser = {
  chatIds: readonly string[];
  peers: readonly string[];
  contacts: readonly string[];
  blocked: ReadonlySet<string>;
};

/** How a user's sockets are told of somebody's presence: as a contact's; if there is a direct chat; not at all. */
export type Link = 'contact' | 'peer' | 'none';

export type Expected = {
  readonly userId: string;
  readonly entered: Set<string>;
  readonly left: Set<string>;
  readonly linked: Map<string, Link>;
  close(): void;
};

const NONE: ReadonlySet<ParleySocket> = new Set();

export function createSocketRegistry(): SocketRegistry {
  const byUser = new Map<string, Set<ParleySocket>>();
  const expected = new Map<string, Set<Expected>>();
  let size = 0;

  function* all(): Iterable<ParleySocket> {
    for (const sockets of byUser.values()) yield* sockets;
  }

  function linkSocket(socket: ParleySocket, otherId: string, how: Link): void {
    if (how !== 'contact') void socket.leave(room.contacts(otherId));
    if (how !== 'peer') void socket.leave(room.presence(otherId));
    if (how === 'contact') void socket.join(room.contacts(otherId));
    if (how === 'peer' && socket.data.peers?.has(otherId) === true) void socket.join(room.presence(otherId));
  }

  return {
    expect: (userId) => {
      const ledgers = expected.get(userId) ?? new Set();
      expected.set(userId, ledgers);
      const ledger: Expected = {
        userId,
        entered: new Set(),
        left: new Set(),
        linked: new Map(),
        close: () => {
          ledgers.delete(ledger);
          if (ledgers.size === 0 && expected.get(userId) === ledgers) expected.delete(userId);
        },
      };
      ledgers.add(ledger);
      return ledger;
    },

    admit: (socket, ledger, { chatIds, peers, contacts, blocked }) => {
      const { userId } = ledger;
      const chats = new Set([...chatIds, ...ledger.entered]);
      if (peers.length > 0) socket.data.peers = new Set(peers);
      for (const chatId of ledger.left) chats.delete(chatId);
      ledger.close();
      const sockets = byUser.get(userId) ?? new Set();
      byUser.set(userId, sockets.add(socket));
      size += 1;
      const asContact = new Set(contacts);
      const asPeer = peers.filter((id) => !blocked.has(id) && !asContact.has(id));
      void socket.join([
        ...[room.user(userId), ...[...chats].map(room.chat)],
        ...[...contacts.map(room.contacts), ...asPeer.map(room.presence)],
      ]);
      for (const [otherId, how] of ledger.linked) linkSocket(socket, otherId, how);
    },

    release: (socket) => {
      const { userId } = socket.data.actor;
      const sockets = byUser.get(userId);
      if (sockets?.delete(socket) !== true) return;
      size -= 1;
      if (sockets.size === 0) byUser.delete(userId);
    },

    enterChat: (userIds, chatId, options) => {
      for (const userId of userIds) {
        const peers = options.peers.filter((id) => id !== userId);
        for (const socket of byUser.get(userId) ?? NONE) {
          const known = (socket.data.peers ??= new Set());
          for (const peer of peers) known.add(peer);
          void socket.join(room.chat(chatId));
        }
        for (const ledger of expected.get(userId) ?? []) {
          ledger.entered.add(chatId);
          ledger.left.delete(chatId);
        }
      }
    },

    leaveChat: (userIds, chatId) => {
      for (const userId of userIds) {
        for (const socket of byUser.get(userId) ?? NONE) {
          void socket.leave(room.chat(chatId));
        }
        for (const ledger of expected.get(userId) ?? []) {
          ledger.left.add(chatId);
          ledger.entered.delete(chatId);
        }
      }
    },

    has: (userId) => byUser.has(userId) || expected.has(userId),

    watchOf: (userId) => {
      const watchers = new Set<string>();
      for (const socket of all()) {
        const { actor, peers } = socket.data;
        if (actor.userId !== userId && peers?.has(userId) !== true && socket.rooms.has(room.presence(userId)))
          watchers.add(actor.userId);
      }
      const watched = new Set<string>();
      for (const socket of byUser.get(userId) ?? NONE) {
        for (const name of socket.rooms) {
          if (room.isPresence(name) && socket.data.peers?.has(room.userOf(name)) !== true)
            watched.add(room.userOf(name));
        }
      }
      return { watchers: [...watchers], watched: [...watched] };
    },

    unwatch: (watcherIds, watchedIds) => {
      for (const watcherId of watcherIds) {
        for (const socket of byUser.get(watcherId) ?? NONE) {
          for (const watchedId of watchedIds) void socket.leave(room.presence(watchedId));
        }
      }
    },

    watch: (socket, watchedIds) => {
      const asContact = (id: string): boolean => socket.rooms.has(room.contacts(id));
      void socket.join(watchedIds.filter((id) => !asContact(id)).map(room.presence));
    },

    link: (userId, otherId, how) => {
      for (const socket of byUser.get(userId) ?? NONE) linkSocket(socket, otherId, how);
      for (const ledger of expected.get(userId) ?? []) ledger.linked.set(otherId, how);
    },

    linkedTo: (userId) => {
      const ids = new Set<string>();
      for (const socket of byUser.get(userId) ?? NONE) {
        for (const id of socket.data.peers ?? []) ids.add(id);
        for (const name of socket.rooms)
          if (room.isPresence(name) || room.isContacts(name)) ids.add(room.userOf(name));
      }
      return [...ids];
    },

    users: () => [...new Set([...byUser.keys(), ...expected.keys()])],

    ofUser: (userId) => byUser.get(userId) ?? NONE,
    all,
    get size() {
      return size;
    },
  };
}
