import type { ErrorCode } from './error-codes.js';
import type {
  ChatView,
  ContactView,
  MessageView,
  NotificationView,
  PresenceView,
  PublicUser,
  ReadMark,
  SharedChatView,
} from './views.js';

/** What the server tells, canonical dialect: event name → payload. The client asks in the imperative, the server tells. */
export type ServerEvents = {
  'connection:established': {
    userId: string;
    username: string;
    socketId: string;
    serverTime: string;
    sessionId: string;
    node: string;
    unread: { total: number };
  };
  'message:new': { chatId: string; message: MessageView };
  'message:read': ReadMark;
  'message:delivered': ReadMark;
  typing: { chatId: string; userId: string; username: string; isTyping: boolean };
  'chat:new': { chat: ChatView };
  'chat:updated': { chat: ChatView | SharedChatView };
  'chat:removed': { chatId: string };
  'member:joined': { chatId: string; user: PublicUser; by: string };
  'member:left': { chatId: string; userId: string; by: string };
  'presence:update': PresenceView;
  /** To one's own devices: what somebody is to oneself has changed. */
  'contact:updated': ContactView;
  /** To one's own devices: one has blocked somebody, or taken it back. */
  'block:updated': { userId: string; isBlocked: boolean };
  'notification:new': { notification: NotificationView; unreadCount: number };
  /** To one's own devices. `ids` null: all. */
  'notification:read': { ids: string[] | null; unreadCount: number };
  'session:revoked': { reason: string };
  'session:expired': Record<string, never>;
  'server:draining': { reconnectIn: number };
  'error:event': { event: string; error: ErrorBody };
};

export type ServerEventName = keyof ServerEvents;

export type ErrorBody = {
  code: ErrorCode;
  message: string;
  details?: { field: string; message: string }[];
  requestId: string;
  /** Seconds, with LIMITED and UNAVAILABLE. */
  retryAfter?: number;
  /** With MFA_REQUIRED. */
  mfaTicket?: string;
};

/** One envelope for REST answers and socket acknowledgements. */
export type SuccessEnvelope<T> = { success: true; message: string; data: T };
export type FailureEnvelope = { success: false; message: string; error: ErrorBody };
