import type { ContactActions } from '../controllers/contact.controller.js';
import type { RouteTable } from '../platform/http/http-door.js';

/** Before the routes of single users: `friends` and `blocks` are no ids. */
export function contactRoutes(contacts: ContactActions): RouteTable {
  return [
    { method: 'get', path: '/users/friends', action: contacts.list },
    { method: 'get', path: '/users/blocks', action: contacts.listBlocks },
    { method: 'post', path: '/users/:id/friend-request', action: contacts.request },
    { method: 'post', path: '/users/:id/friend-request/accept', action: contacts.accept },
    { method: 'post', path: '/users/:id/friend-request/decline', action: contacts.decline },
    { method: 'delete', path: '/users/:id/friend', action: contacts.remove },
    { method: 'post', path: '/users/:id/block', action: contacts.block },
    { method: 'delete', path: '/users/:id/block', action: contacts.unblock },
    { method: 'get', path: '/notifications', action: contacts.listNotifications },
    { method: 'post', path: '/notifications/read', action: contacts.readNotifications },
  ];
}
