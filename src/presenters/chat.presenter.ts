import type { ChatView, MessageView, PublicUser, SharedChatView } from '../contract/views.js';
import type { MemberChatDetail } from '../models/chat.queries.js';
import { avatarPath } from './user.presenter.js';

type Around = { viewerId: string; users: Map<string, PublicUser>; latestMessage: MessageView | null };

/** A chat as one of its members sees it. */
export function presentChat(chat: MemberChatDetail, around: Around): ChatView {
  const { viewerId, users, latestMessage } = around;
  const shown = chat.members.flatMap((member) => users.get(member.user.toHexString()) ?? []);
  const peer = chat.isGroup ? undefined : (shown.find((user) => user.id !== viewerId) ?? shown[0]);
  const withRole = (...roles: string[]): string[] =>
    chat.members.filter((member) => roles.includes(member.role)).map((member) => member.user.toHexString());
  return {
    _id: chat.chatId,
    isGroupChat: chat.isGroup,
    chatName: chat.isGroup ? chat.name : (peer?.name ?? ''),
    avatar: chat.isGroup ? avatarPath(chat.avatar) : (peer?.avatar ?? null),
    description: chat.description,
    users: shown,
    memberCount: chat.members.length,
    groupAdmin: chat.isGroup ? (withRole('owner')[0] ?? null) : null,
    admins: chat.isGroup ? withRole('owner', 'admin') : [],
    latestMessage,
    seq: chat.seq,
    rev: chat.rev,
    // One's own messages are never above one's read mark, so what lies above it is all of others.
    unreadCount: Math.max(0, chat.seq - chat.lastReadSeq),
    lastReadSeq: chat.lastReadSeq,
    muted: chat.muted,
    pinned: chat.pinned,
    archived: chat.archived,
    createdAt: chat.createdAt.toISOString(),
    updatedAt: new Date(Math.max(chat.updatedAt.getTime(), chat.activityAt.getTime())).toISOString(),
  };
}

/** The part that is the same for all members. */
export function presentSharedChat(view: ChatView): SharedChatView {
  const shared: Partial<ChatView> & SharedChatView = { ...view };
  for (const own of ['unreadCount', 'lastReadSeq', 'muted', 'pinned', 'archived'] as const)
    delete shared[own];
  return shared;
}
