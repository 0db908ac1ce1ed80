import type { UserActions } from '../controllers/user.controller.js';
import type { EventTable } from '../platform/realtime/event-door.js';

export function userEvents(users: UserActions): EventTable {
  return {
    'user:search': { action: users.search, bucket: 'event' },
    'user:get': { action: users.get, bucket: 'event' },
    'user:update': { action: users.updateProfile, bucket: 'event' },
    'presence:set': { action: users.setStatus, bucket: 'event' },
    'presence:subscribe': { action: users.watch, bucket: 'event' },
  };
}
