import type { MessageView, PublicUser, ReplyView } from '../contract/views.js';
import type { Id } from '../models/ids.js';
import type { MessageDoc, MessageModel } from '../models/message.model.js';
import { presentMessage, presentReply } from '../presenters/message.presenter.js';
import type { UserService } from './user.service.js';

/** A member's read mark, as `readBy` is computed from it. */
export type Mark = { user: Id; lastReadSeq: number };

export type MessageViews = {
  /**
   * Views of stored messages in the order given: one look-up each for all senders and all quoted messages.
   * `marksOf` gives the members' read marks of a chat.
   * `viewerId`: a member of the chats, for whom the views are; null = for all members at once, as a broadcast is.
   */
  present(
    messages: readonly MessageDoc[],
    marksOf: (chatId: string) => readonly Mark[],
    viewerId: string | null,
  ): Promise<MessageView[]>;
  /** The quoted message of a reply within the same chat, or null when it is not there. */
  reply(chatId: string, messageId: string): Promise<ReplyView>;
};

/** A list of readers longer than this is cut: who needs them all asks for the receipts. */
const READERS_SHOWN = 100;

export function createMessageViews(deps: { messages: MessageModel; users: UserService }): MessageViews {
  async function repliesOf(messages: readonly MessageDoc[]): Promise<Map<string, ReplyView>> {
    const known = new Map(messages.map((message) => [message._id.toHexString(), message]));
    const wanted = messages.flatMap((message) => message.replyTo?.toHexString() ?? []);
    const missing = [...new Set(wanted)].filter((id) => !known.has(id));
    const found = missing.length === 0 ? [] : await deps.messages.findMany(missing);
    for (const message of found) known.set(message._id.toHexString(), message);
    return new Map(
      wanted.flatMap((id) => (known.has(id) ? [[id, presentReply(known.get(id) as MessageDoc)]] : [])),
    );
  }

  return {
    present: async (messages, marksOf, viewerId) => {
      const senderIds = messages.map((message) => message.sender.toHexString());
      const sharing = membersOf(messages, marksOf);
      const [senders, replies] = await Promise.all([
        viewerId === null
          ? deps.users.viewsForMany(senderIds, sharing)
          : deps.users.viewsFor({ id: viewerId, sharing }, senderIds),
        repliesOf(messages),
      ]);
      return messages.map((message) => {
        const senderId = message.sender.toHexString();
        return presentMessage(message, {
          sender: senders.get(senderId) ?? goneUser(senderId),
          replyTo:
            message.replyTo === undefined ? null : (replies.get(message.replyTo.toHexString()) ?? null),
          readBy: readersOf(message, marksOf(message.chat.toHexString())),
        });
      });
    },

    reply: async (chatId, messageId) => {
      const message = await deps.messages.findById(messageId);
      return message !== null && message.chat.toHexString() === chatId ? presentReply(message) : null;
    },
  };
}

/** The members of the messages' chats, with all of whom the viewer shares one. */
function membersOf(
  messages: readonly MessageDoc[],
  marksOf: (chatId: string) => readonly Mark[],
): ReadonlySet<string> {
  const chatIds = new Set(messages.map((message) => message.chat.toHexString()));
  return new Set([...chatIds].flatMap((chatId) => marksOf(chatId).map(({ user }) => user.toHexString())));
}

function readersOf(message: MessageDoc, marks: readonly Mark[]): string[] {
  const readers: string[] = [];
  for (const mark of marks) {
    if (mark.lastReadSeq < message.seq || mark.user.equals(message.sender)) continue;
    readers.push(mark.user.toHexString());
    if (readers.length === READERS_SHOWN) break;
  }
  return readers;
}

/** Who wrote a message stays nameable after his account is erased. */
function goneUser(id: string): PublicUser {
  return {
    _id: id,
    id,
    username: '',
    firstName: '',
    lastName: '',
    name: 'Deleted account',
    avatar: null,
    bio: '',
    isOnline: false,
    status: 'offline',
    lastSeen: null,
    createdAt: new Date(0).toISOString(),
  };
}
