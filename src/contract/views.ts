/** Shapes that leave the server. Ids are 24-digit hex strings, times ISO 8601 UTC. Types only. */

export type PresenceStatus = 'online' | 'away' | 'busy' | 'offline';

/** A user as others see him. Never an e-mail, an IP or a socket id. */
export type PublicUser = {
  _id: string;
  id: string;
  username: string;
  firstName: string;
  lastName: string;
  /** What to show: first and last name, else the username. */
  name: string;
  /** A path, to be put behind the address of the API: `/api/avatars/<name>`. `?size=64`, `256` or `512` asks for a variant. */
  avatar: string | null;
  bio: string;
  /** What the person says he is about; absent when he says nothing. Not `status`, which is his presence. */
  statusText?: string;
  isOnline: boolean;
  status: PresenceStatus;
  lastSeen: string | null;
  createdAt: string;
};

export type UserSettings = { lastSeen: 'everyone' | 'contacts' | 'nobody' };

/** A user as he sees himself. */
export type OwnUser = PublicUser & {
  email: string;
  isVerified: boolean;
  mfaEnabled: boolean;
  settings: UserSettings;
  lastLoginAt: string | null;
};

/** A code is on its way to the address, or would be if there were a reason to. Seconds. */
export type CodeSent = { email: string; expiresIn: number; resendIn: number };

/** What an authenticator needs, and the way back when it is lost. Shown once. */
export type MfaSetup = {
  /** PNG, as a data URL. */
  qrCode: string;
  /** Base32. */
  secret: string;
  otpauthUrl: string;
  recoveryCodes: string[];
};

/** What a token is worth, for services beside this one. `exp`: seconds since 1970. */
export type TokenView = { active: boolean; user?: PublicUser; exp?: number };

export type SessionView = {
  _id: string;
  /** Such as "Firefox 128 on Linux". */
  device: string;
  ip: string;
  /** Such as "Bergen, Norway", or "60.4, 5.3" (0.1° are about 10 km). */
  place: string | null;
  createdAt: string;
  lastUsed: string;
  current: boolean;
};

/** One try to come into an account, for its owner. */
export type LoginView = {
  _id: string;
  at: string;
  outcome: 'success' | 'failure';
  device: string;
  ip: string;
  place: string | null;
  /** The device was not known to this account before. */
  newDevice: boolean;
  /** By the session that asks. */
  current: boolean;
};

export type MessageType = 'text' | 'image' | 'file' | 'video' | 'audio' | 'system' | 'call';

/** Fields that do not apply are absent; a deleted message has `content: {}`. */
export type MessageContent = { text?: string };

export type ReplyView = { _id: string; seq: number; sender: string; content: MessageContent } | null;

export type MessageView = {
  _id: string;
  chat: string;
  /** 1, 2, 3 … per chat, in the one order that every client sees. */
  seq: number;
  /** Grows with every change of the chat; stamped on the message that changed. */
  rev: number;
  sender: PublicUser;
  messageType: MessageType;
  content: MessageContent;
  replyTo: ReplyView;
  forwardedFrom: string | null;
  mentions: string[];
  reactions: { emoji: string; users: string[]; count: number }[];
  clientMessageId: string | null;
  /** Members, other than the sender, whose read mark has passed this message. */
  readBy: string[];
  isEdited: boolean;
  editedAt: string | null;
  isDeleted: boolean;
  deletedAt: string | null;
  isPinned: boolean;
  expiresAt: string | null;
  createdAt: string;
  updatedAt: string;
};

export type MemberRole = 'owner' | 'admin' | 'member';

/** A chat as one member sees it: the counters and switches are the caller's own. */
export type ChatView = {
  _id: string;
  isGroupChat: boolean;
  /** A direct chat bears the other person's name. */
  chatName: string;
  avatar: string | null;
  description: string;
  /** In lists of chats at most the first 100 members; `memberCount` is exact. */
  users: PublicUser[];
  memberCount: number;
  groupAdmin: string | null;
  admins: string[];
  latestMessage: MessageView | null;
  seq: number;
  rev: number;
  /** Messages of others with seq above lastReadSeq. */
  unreadCount: number;
  lastReadSeq: number;
  muted: boolean;
  pinned: boolean;
  archived: boolean;
  createdAt: string;
  updatedAt: string;
};

/** What of a chat is the same for all its members: what a broadcast carries; the rest a client keeps as it has it. */
export type SharedChatView = Omit<ChatView, 'unreadCount' | 'lastReadSeq' | 'muted' | 'pinned' | 'archived'>;

export type PresenceView = {
  userId: string;
  isOnline: boolean;
  status: PresenceStatus;
  lastSeen: string | null;
};

export type ReadMark = { chatId: string; userId: string; seq: number; at: string };

/** What another person is to oneself. `outgoing`: asked, and no answer yet. */
export type ContactState = 'none' | 'incoming' | 'outgoing' | 'friends';

export type ContactView = { user: PublicUser; state: ContactState };

export type ContactsView = { friends: PublicUser[]; incoming: PublicUser[]; outgoing: PublicUser[] };

/** Somebody whom one has blocked, since `createdAt`. */
export type BlockView = { user: PublicUser; createdAt: string };

export type NotificationKind = 'friend-request' | 'friend-accepted' | 'warning';

export type NotificationView = {
  _id: string;
  kind: NotificationKind;
  /** Whom it is from; null when it is from the house, or his account is gone. */
  from: PublicUser | null;
  chatId: string | null;
  messageId: string | null;
  text: string | null;
  isRead: boolean;
  createdAt: string;
};
