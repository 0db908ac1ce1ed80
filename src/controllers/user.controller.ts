import { action, type Action } from '../platform/actions/action.js';
import type { PresenceService } from '../services/presence.service.js';
import type { PresenceWatch } from '../services/presence.watch.js';
import type { ProfileService } from '../services/profile.service.js';
import type { UserService } from '../services/user.service.js';
import {
  searchUsersInput,
  statusInput,
  subscribeInput,
  updateProfileInput,
  userRef,
} from '../validators/user.validator.js';

export type UserActions = Record<'search' | 'get' | 'updateProfile' | 'setStatus' | 'watch', Action>;

type Deps = {
  users: UserService;
  profile: ProfileService;
  presence: PresenceService;
  watch: PresenceWatch;
};

export function createUserActions({ users, profile, presence, watch }: Deps): UserActions {
  return {
    search: action(searchUsersInput, async ({ actor, input }) => ({
      message: 'Users.',
      data: {
        users: await users.search({ text: input.search, by: actor.userId, limit: input.limit }),
        nextCursor: null,
        hasMore: false,
      },
    })),
    get: action(userRef, async ({ actor, input }) => ({
      message: 'User.',
      data: await users.viewFor({ id: actor.userId }, input.id),
    })),
    updateProfile: action(updateProfileInput, async ({ actor, input, origin }) => ({
      message: 'Profile updated.',
      data: await profile.update(actor, input, origin),
    })),
    setStatus: action(statusInput, async ({ actor, input }) => ({
      message: 'Status set.',
      data: await presence.setStatus(actor.userId, input.status),
    })),
    watch: action(subscribeInput, async ({ actor, input, origin }) => ({
      message: 'Presence.',
      data: { presence: await watch.subscribe(actor, input.userIds, origin.socketId) },
    })),
  };
}
