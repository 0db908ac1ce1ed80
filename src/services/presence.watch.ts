import type { Actor } from '../contract/actor.js';
import type { PresenceView } from '../contract/views.js';
import type { MemberModel } from '../models/member.model.js';
import type { UserService } from './user.service.js';

/** Who may be told of whose presence, beyond direct chats: whoever shares a chat with him, and asks. */
export type PresenceWatch = {
  /** The states of those among `userIds` that the actor may see; his socket hears of their changes from now on. */
  subscribe(actor: Actor, userIds: readonly string[], socketId: string | null): Promise<PresenceView[]>;
};

/** Puts a socket of this process into presence rooms: given by the realtime layer. */
export type PresenceRooms = {
  watch(watcher: { userId: string; socketId: string }, userIds: readonly string[]): void;
};

export function createPresenceWatch(deps: {
  members: MemberModel;
  users: UserService;
  rooms: PresenceRooms;
}): PresenceWatch {
  return {
    subscribe: async (actor, userIds, socketId) => {
      const allowed = await deps.members.thoseSharingChat(actor.userId, userIds);
      if (socketId !== null) deps.rooms.watch({ userId: actor.userId, socketId }, allowed);
      const views = await deps.users.views(allowed);
      return [...views.values()].map(({ id, isOnline, status, lastSeen }) => ({
        userId: id,
        isOnline,
        status,
        lastSeen,
      }));
    },
  };
}
