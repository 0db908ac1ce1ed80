import type { MessageActions } from '../controllers/message.controller.js';
import type { RouteTable } from '../platform/http/http-door.js';

export function messageRoutes(messages: MessageActions): RouteTable {
  return [
    { method: 'post', path: '/messages', action: messages.send, status: 201 },
    { method: 'get', path: '/messages/:chatId', action: messages.history },
    { method: 'get', path: '/chats/:chatId/changes', action: messages.changes },
    { method: 'post', path: '/chats/:chatId/read', action: messages.read },
    { method: 'post', path: '/chats/:chatId/delivered', action: messages.delivered },
    { method: 'post', path: '/sync', action: messages.sync },
  ];
}
