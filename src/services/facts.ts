import type {
  ChatView,
  ContactView,
  MessageView,
  NotificationView,
  PresenceView,
  PublicUser,
  ReadMark,
  UserSettings,
} from '../contract/views.js';
import type { Facts } from '../platform/facts/facts.js';

/** Every fact of Parley: name → what happened. */
export type FactMap = {
  /** A message is stored. `socketId`: the sending socket, which has its acknowledgement and is left out. */
  'message.created': { chatId: string; message: MessageView; socketId: string | null };
  /** `alone`: for the reader's own devices only. */
  'message.read': ReadMark & { alone: boolean; socketId: string | null };
  'message.delivered': ReadMark & { alone: boolean; socketId: string | null };
  'chat.created': { chatId: string; userIds: string[] };
  'chat.updated': { chatId: string };
  /** A member muted, pinned or archived a chat for himself. */
  'chat.switched': { userId: string; chat: ChatView };
  'chat.deleted': { chatId: string; userIds: string[] };
  'member.joined': { chatId: string; user: PublicUser; by: string };
  'member.left': { chatId: string; userId: string; by: string };
  /** Of a person, for all who may know. `lastSeenFor`: whom the presence's `lastSeen` is for. */
  'presence.changed': { presence: PresenceView; lastSeenFor: UserSettings['lastSeen'] };
  /** What one person sees of another has changed, though the other has done nothing. */
  'presence.shown': { to: string; presence: PresenceView };
  'typing.changed': {
    chatId: string;
    userId: string;
    username: string;
    isTyping: boolean;
    socketId: string | null;
  };
  /** What somebody is to the user `to`, who is told. */
  'contact.changed': { to: string; contact: ContactView };
  'block.changed': { by: string; userId: string; isBlocked: boolean };
  'notification.added': { to: string; notification: NotificationView; unreadCount: number };
  'notification.read': { to: string; ids: string[] | null; unreadCount: number };
  'session.ended': { sessionIds: string[]; userId: string; reason: string };
};

export type ParleyFacts = Facts<FactMap>;
