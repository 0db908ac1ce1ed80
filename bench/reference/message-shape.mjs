/** Messages and users as large as Parley's, so that all contenders carry and store the same bytes. */
import { ObjectId } from 'mongodb';

/** A public user; `number` tells them apart. */
export function makeUser(number) {
  const id = hexId(number);
  return {
    _id: id,
    id,
    username: `bench_${String(number).padStart(5, '0')}`,
    firstName: '',
    lastName: '',
    name: `bench_${String(number).padStart(5, '0')}`,
    avatar: null,
    bio: '',
    isOnline: true,
    status: 'online',
    lastSeen: null,
    createdAt: '2026-01-01T00:00:00.000Z',
  };
}

/** 24 hex digits, as MongoDB's ids. */
export const hexId = (number) => `5${number.toString(16).padStart(23, '0')}`;

/** The answer's words, as long as Parley's. */
export const SENT = 'Message sent.';

/** @param {{ id: string, seq: number, sender: object, input: object, createdAt: Date }} parts */
export function makeMessage({ id, seq, sender, input, createdAt }) {
  const at = createdAt.toISOString();
  return {
    _id: id,
    chat: input.chatId,
    seq,
    rev: seq,
    sender,
    messageType: 'text',
    content: { text: input.content },
    replyTo: null,
    forwardedFrom: null,
    mentions: [],
    reactions: [],
    clientMessageId: input.clientMessageId,
    readBy: [],
    isEdited: false,
    editedAt: null,
    isDeleted: false,
    deletedAt: null,
    isPinned: false,
    expiresAt: null,
    createdAt: at,
    updatedAt: at,
  };
}

/** What Parley stores of a message. */
export function documentOf(id, message, createdAt) {
  return {
    _id: id,
    chat: ObjectId.createFromHexString(message.chat),
    seq: message.seq,
    rev: message.rev,
    sender: ObjectId.createFromHexString(message.sender._id),
    messageType: message.messageType,
    content: message.content,
    clientMessageId: message.clientMessageId,
    createdAt,
  };
}
