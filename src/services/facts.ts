import type { ChatView, MessageView, PresenceView, PublicUser, ReadMark } from '../contract/views.js';
import type { Facts } from '../platform/facts/facts.js';

/** Every fact of Parley: name → what happened. */
export type FactMap = {
  /** A message is stored. `socketId`: the sending socket, which has its acknowledgement and is left out. */
  'message.created': { chatId: string; message: MessageView; socketId: string | null };
  'message.read': ReadMark & { socketId: string | null };
  'message.delivered': ReadMark & { socketId: string | null };
  'chat.created': { chatId: string; userIds: string[] };
  'chat.updated': { chatId: string };
  /** A member muted, pinned or archived a chat for himself. */
  'chat.switched': { userId: string; chat: ChatView };
  'chat.deleted': { chatId: string; userIds: string[] };
  'member.joined': { chatId: string; user: PublicUser; by: string };
  'member.left': { chatId: string; userId: string; by: string };
  'presence.changed': PresenceView;
  'typing.changed': {
    chatId: string;
    userId: string;
    username: string;
    isTyping: boolean;
    socketId: string | null;
  };
  'session.ended': { sessionIds: string[]; userId: string; reason: string };
};

export type ParleyFacts = Facts<FactMap>;
