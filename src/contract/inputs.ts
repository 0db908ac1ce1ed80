import type { UserSettings } from './views.js';

/** What clients ask with, parsed: the same for REST (path, query and body together) and for sockets. */

export type Empty = Record<string, never>;

/** What a client may tell of itself wherever a session begins. */
export type ClientInput = {
  /** Rounded to 0.1° before anything is kept; an address that the server can place itself wins. */
  location?: { lat: number; lon: number } | undefined;
  /** The client's own name for the device, the same each time: see POST /users/device. */
  deviceId?: string | undefined;
};

export type PageInput = { limit: number; cursor?: string | undefined };

export type RegisterInput = ClientInput & {
  username: string;
  email: string;
  password: string;
  firstName?: string | undefined;
  lastName?: string | undefined;
};

/** What is absent stays as it is; an empty text takes away. */
export type UpdateProfileInput = {
  username?: string | undefined;
  firstName?: string | undefined;
  lastName?: string | undefined;
  bio?: string | undefined;
  statusText?: string | undefined;
  settings?: Partial<UserSettings> | undefined;
};

export type LoginInput = ClientInput & {
  email?: string | undefined;
  username?: string | undefined;
  password: string;
  /** With MFA on; at most one of the two. */
  mfaCode?: string | undefined;
  recoveryCode?: string | undefined;
  /** Asks for no code from this browser for 30 days. */
  trustDevice?: boolean | undefined;
};

/** The second step: exactly one of `code` and `recoveryCode`. */
export type MfaLoginInput = ClientInput & {
  mfaTicket: string;
  code?: string | undefined;
  recoveryCode?: string | undefined;
  trustDevice?: boolean | undefined;
};

/** Both factors of somebody who is signed in: exactly one of `token` and `recoveryCode`. */
export type MfaProofInput = {
  password: string;
  token?: string | undefined;
  recoveryCode?: string | undefined;
};

export type EmailInput = { email: string };

export type VerifyEmailInput = ClientInput & { email: string; otp: string };

export type ResetPasswordInput = { email: string; otp: string; newPassword: string };

export type ChangePasswordInput = { currentPassword: string; newPassword: string };

export type ChangeEmailInput = { newEmail: string; password: string };

export type SendMessageInput = {
  chatId: string;
  content: string;
  clientMessageId?: string | undefined;
  replyTo?: string | undefined;
  mentions?: string[] | undefined;
};

/** A place in a chat's history: a seq, a message id, or a time. */
export type HistoryMark = { seq: number } | { messageId: string } | { date: Date };

export type HistoryInput = {
  chatId: string;
  before?: HistoryMark | undefined;
  after?: HistoryMark | undefined;
  around?: HistoryMark | undefined;
  limit: number;
};

export type ChangesInput = { chatId: string; since: number; limit: number };

export type ReadInput = { chatId: string; seq: number };

export type CreateChatInput = {
  userId?: string | undefined;
  users?: string[] | undefined;
  chatName?: string | undefined;
  description?: string | undefined;
};

export type ListInput = { limit: number; cursor?: string | undefined; page?: number | undefined };

export type ChatRef = { chatId: string };

export type MemberRef = { chatId: string; userId: string };

export type AddMembersInput = { chatId: string; users: string[] };

export type SetRoleInput = { chatId: string; userId: string; role: 'owner' | 'admin' | 'member' };

export type SyncInput = { chats: Record<string, number> };
