import type { MessageView, PublicUser, ReplyView } from '../contract/views.js';
import type { MessageDoc } from '../models/message.model.js';

type Around = {
  sender: PublicUser;
  replyTo?: ReplyView;
  readBy?: string[];
};

/** A message as the members of its chat see it. A deleted one keeps its place and loses its content. */
export function presentMessage(message: MessageDoc, around: Around): MessageView {
  const createdAt = message.createdAt.toISOString();
  const deletedAt = message.deletedAt?.toISOString() ?? null;
  const editedAt = message.editedAt?.toISOString() ?? null;
  return {
    _id: message._id.toHexString(),
    chat: message.chat.toHexString(),
    seq: message.seq,
    rev: message.rev,
    sender: around.sender,
    messageType: message.messageType,
    content: deletedAt === null ? presentContent(message.content) : {},
    replyTo: around.replyTo ?? null,
    forwardedFrom: null,
    mentions: message.mentions?.map((id) => id.toHexString()) ?? [],
    reactions: [],
    clientMessageId: message.clientMessageId ?? null,
    readBy: around.readBy ?? [],
    isEdited: editedAt !== null,
    editedAt,
    isDeleted: deletedAt !== null,
    deletedAt,
    isPinned: false,
    expiresAt: null,
    createdAt,
    updatedAt: deletedAt ?? editedAt ?? createdAt,
  };
}

/** The quoted message in short, as a reply carries it. */
export function presentReply(message: MessageDoc): ReplyView {
  return {
    _id: message._id.toHexString(),
    seq: message.seq,
    sender: message.sender.toHexString(),
    content: message.deletedAt === undefined ? presentContent(message.content) : {},
  };
}

function presentContent(content: MessageDoc['content']): MessageView['content'] {
  return content.text === undefined ? {} : { text: content.text };
}
