import type { ChatActions } from '../controllers/chat.controller.js';
import type { EventTable } from '../platform/realtime/event-door.js';

/** Chats by socket: the same actions as the REST routes. */
export function chatEvents(chats: ChatActions): EventTable {
  return {
    'chat:create': { action: chats.create, bucket: 'event' },
    'chat:list': { action: chats.list, bucket: 'event' },
    'chat:get': { action: chats.get, bucket: 'event' },
    'chat:update': { action: chats.update, bucket: 'event' },
    'chat:delete': { action: chats.delete, bucket: 'event' },
    'chat:switch': { action: chats.setSwitches, bucket: 'event' },
    'member:add': { action: chats.addMembers, bucket: 'event' },
    'member:remove': { action: chats.removeMember, bucket: 'event' },
    'member:role': { action: chats.setRole, bucket: 'event' },
  };
}
