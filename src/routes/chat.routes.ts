import type { ChatActions } from '../controllers/chat.controller.js';
import type { RouteTable } from '../platform/http/http-door.js';

export function chatRoutes(chats: ChatActions): RouteTable {
  return [
    { method: 'post', path: '/chats', action: chats.create, status: 201 },
    { method: 'get', path: '/chats', action: chats.list },
    { method: 'get', path: '/chats/:chatId', action: chats.get },
    { method: 'patch', path: '/chats/:chatId', action: chats.update },
    { method: 'delete', path: '/chats/:chatId', action: chats.delete },
    { method: 'patch', path: '/chats/:chatId/me', action: chats.setSwitches },
    { method: 'post', path: '/chats/:chatId/members', action: chats.addMembers },
    { method: 'delete', path: '/chats/:chatId/members/:userId', action: chats.removeMember },
    { method: 'patch', path: '/chats/:chatId/members/:userId', action: chats.setRole },
  ];
}
