import type { Actor } from '../contract/actor.js';
import type { PresenceView } from '../contract/views.js';
import type { UserService } from './user.service.js';
import type { Visibility } from './visibility.service.js';

/** Who is told of whose presence, beyond contacts and direct chats: whoever shares a chat with him, and asks. */
export type PresenceWatch = {
  /** The states of those among `userIds` that the actor may see; his socket hears of their changes from now on. */
  subscribe(actor: Actor, userIds: readonly string[], socketId: string | null): Promise<PresenceView[]>;
};

/** Puts a socket of this process into presence rooms: given by the realtime layer. */
export type PresenceRooms = {
  watch(watcher: { userId: string; socketId: string }, userIds: readonly string[]): void;
};

export function createPresenceWatch(deps: {
  users: UserService;
  visibility: Visibility;
  rooms: PresenceRooms;
}): PresenceWatch {
  return {
    subscribe: async (actor, userIds, socketId) => {
      const viewer = { id: actor.userId };
      const sightOf = await deps.visibility.sight(viewer, userIds);
      const allowed = userIds.filter((id) => sightOf(id) !== 'nothing');
      if (socketId !== null) {
        const others = allowed.filter((id) => id !== actor.userId);
        deps.rooms.watch({ userId: actor.userId, socketId }, others);
      }
      const views = await deps.users.viewsFor({ ...viewer, sharing: new Set(allowed) }, allowed);
      return [...views.values()].map(presenceOf);
    },
  };
}

/** The part of a user's view that is his presence. */
export function presenceOf(user: Omit<PresenceView, 'userId'> & { id: string }): PresenceView {
  const { id, isOnline, status, lastSeen } = user;
  return { userId: id, isOnline, status, lastSeen };
}
