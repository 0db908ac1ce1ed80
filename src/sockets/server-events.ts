import type { ServerEventName } from '../contract/events.js';

/** What a client hears, for the description of the API; the payloads' shapes are in contract/events. */
export const serverEvents: Readonly<Record<ServerEventName, string>> = {
  'connection:established':
    'The socket is joined to all of its chats: who it is, on which node, how much is unread.',
  'message:new': 'A message in one of your chats, never to the socket that sent it: { chatId, message }.',
  'message:read': 'A member has read up to seq: { chatId, userId, seq, at }.',
  'message:delivered': 'A member has received up to seq: { chatId, userId, seq, at }.',
  typing: 'A member types, or has stopped: { chatId, userId, username, isTyping }.',
  'chat:new': 'A chat you are now in: { chat }.',
  'chat:updated': 'A chat has changed: { chat }.',
  'chat:removed': 'A chat you are no longer in: { chatId }.',
  'member:joined': '{ chatId, user, by }',
  'member:left': '{ chatId, userId, by }',
  'presence:update': '{ userId, isOnline, status, lastSeen }',
  'contact:updated': 'What somebody is to you has changed, on whichever of your devices: { user, state }.',
  'block:updated': 'You have blocked somebody, or taken it back: { userId, isBlocked }.',
  'notification:new': 'Something for you: { notification, unreadCount }.',
  'notification:read':
    'Notifications were read on one of your devices (ids null: all): { ids, unreadCount }.',
  'session:revoked': 'Your session has ended; the socket is cut: { reason }.',
  'session:expired': 'The token ran out and was not renewed by auth:refresh; the socket is cut.',
  'server:draining': 'This copy is about to stop: connect again in so many milliseconds: { reconnectIn }.',
  'error:event':
    'The failure of an event that was sent without an acknowledgement callback: { event, error }.',
};
