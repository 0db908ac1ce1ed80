import type { ContactActions } from '../controllers/contact.controller.js';
import type { EventTable } from '../platform/realtime/event-door.js';

export function contactEvents(contacts: ContactActions): EventTable {
  return {
    'contact:request': { action: contacts.request, bucket: 'event' },
    'contact:accept': { action: contacts.accept, bucket: 'event' },
    'contact:decline': { action: contacts.decline, bucket: 'event' },
    'contact:remove': { action: contacts.remove, bucket: 'event' },
    'contact:list': { action: contacts.list, bucket: 'event' },
    'user:block': { action: contacts.block, bucket: 'event' },
    'user:unblock': { action: contacts.unblock, bucket: 'event' },
    'user:blocks': { action: contacts.listBlocks, bucket: 'event' },
    'notification:list': { action: contacts.listNotifications, bucket: 'event' },
    'notification:read': { action: contacts.readNotifications, bucket: 'event' },
  };
}
