import type { Actor } from '../contract/actor.js';
import type {
  ChangesInput,
  HistoryInput,
  HistoryMark,
  ReadInput,
  SendMessageInput,
} from '../contract/inputs.js';
import type { MessageView, PublicUser, ReadMark, ReplyView } from '../contract/views.js';
import type { Clock } from '../platform/clock/clock.js';
import { invalid, notFound } from '../platform/errors/app-error.js';
import { newId, toId, type Id } from '../models/ids.js';
import type { MemberModel } from '../models/member.model.js';
import type { MessageDoc, MessageModel } from '../models/message.model.js';
import { presentMessage } from '../presenters/message.presenter.js';
import type { BlockGate } from './block.gate.js';
import type { ParleyFacts } from './facts.js';
import type { MemberService } from './member.service.js';
import type { MessageLog } from './message.log.js';
import type { MessageViews, Mark } from './message.views.js';
import type { UserService } from './user.service.js';

/**
 * Messages of a chat, for its members only.
 *
 * Invariants: what is acknowledged is stored; what is told to others was stored before (`onStored` of the log publishes);
 * one `clientMessageId` is one message; order is seq order.
 */
export type MessageService = {
  /** Answers the stored message; a repetition of a clientMessageId answers the first one. */
  send(actor: Actor, input: SendMessageInput, socketId: string | null): Promise<MessageView>;
  /** A note of the chat itself ("Ann added Bob"), in the actor's name. */
  sendSystem(actor: Actor, chatId: string, text: string): Promise<MessageView>;
  history(
    actor: Actor,
    input: HistoryInput,
  ): Promise<{ messages: MessageView[]; hasMore: boolean; nextCursor: string | null }>;
  /** What a client shows first when it opens a chat: the newest page, and which members are online. */
  focus(
    actor: Actor,
    chatId: string,
  ): Promise<{ messages: MessageView[]; hasMore: boolean; online: string[] }>;
  changes(
    actor: Actor,
    input: ChangesInput,
  ): Promise<{ messages: MessageView[]; rev: number; more: boolean }>;
  markRead(actor: Actor, input: ReadInput, socketId: string | null): Promise<ReadMark>;
  markDelivered(actor: Actor, input: ReadInput, socketId: string | null): Promise<ReadMark>;
};

/** What travels with a message through the log, to make its view the moment it is stored. */
export type SendContext = {
  sender: PublicUser;
  replyTo: ReplyView;
  socketId: string | null;
  view?: MessageView;
};

type Deps = {
  messages: MessageModel;
  memberModel: MemberModel;
  members: MemberService;
  users: UserService;
  gate: BlockGate;
  views: MessageViews;
  log: MessageLog<SendContext>;
  /** True read marks of a chat's members. */
  readMarks: (chatId: string) => Promise<Mark[]>;
  facts: ParleyFacts;
  clock: Clock;
};

/** What the log does with each newly stored message: present it once, tell it once, in seq order. */
export function announceStored(facts: ParleyFacts) {
  return (message: MessageDoc, context: SendContext): void => {
    const view = presentMessage(message, context);
    context.view = view;
    facts.publish('message.created', { chatId: view.chat, message: view, socketId: context.socketId });
  };
}

export function createMessageService(deps: Deps): MessageService {
  const { messages, members, users, views, log, clock } = deps;

  async function append(
    draft: Omit<MessageDoc, '_id' | 'seq' | 'rev' | 'createdAt'>,
    context: SendContext,
  ): Promise<MessageView> {
    const { message, repeated } = await log.append(
      { _id: newId(), ...draft, createdAt: new Date(clock()) },
      context,
    );
    if (!repeated && context.view !== undefined) return context.view;
    const [view] = await views.present([message], () => [], context.sender.id);
    if (view === undefined) throw notFound('message');
    return { ...view, sender: context.sender };
  }

  async function send(actor: Actor, input: SendMessageInput, socketId: string | null): Promise<MessageView> {
    await members.require(input.chatId, actor.userId);
    await deps.gate.assertOpen(input.chatId);
    const sender = await users.actingView(actor.userId);
    const replyTo = input.replyTo === undefined ? null : await quoted(input.chatId, input.replyTo);
    const { clientMessageId, mentions } = input;
    return append(
      {
        chat: toId(input.chatId),
        sender: toId(actor.userId),
        messageType: 'text',
        content: { text: input.content },
        ...(clientMessageId === undefined ? {} : { clientMessageId }),
        ...(input.replyTo === undefined ? {} : { replyTo: toId(input.replyTo) }),
        ...(mentions === undefined || mentions.length === 0 ? {} : { mentions: mentions.map(toId) }),
      },
      { sender, replyTo, socketId },
    );
  }

  async function quoted(chatId: string, messageId: string): Promise<ReplyView> {
    const reply = await views.reply(chatId, messageId);
    if (reply === null) throw invalid({ field: 'replyTo', message: 'is not a message of this chat' });
    return reply;
  }

  /** The seq that a history mark stands for; of a time, that of the first message made then or later. */
  async function seqOf(chat: Id, mark: HistoryMark): Promise<number> {
    if ('seq' in mark) return mark.seq;
    if ('date' in mark) return (await messages.seqAtDate(chat, mark.date)) + 1;
    const message = await messages.findById(mark.messageId);
    if (message === null || !message.chat.equals(chat)) throw notFound('message');
    return message.seq;
  }

  /** `limit + 1` or fewer messages in ascending seq, and whether more lie beyond in the direction asked. */
  async function page(chat: Id, input: HistoryInput): Promise<{ found: MessageDoc[]; hasMore: boolean }> {
    const { limit } = input;
    if (input.after !== undefined) {
      const { after } = input;
      const from =
        'date' in after ? await messages.seqAtDate(chat, after.date, true) : await seqOf(chat, after);
      const found = await messages.after(chat, from, limit + 1);
      return { found: found.slice(0, limit), hasMore: found.length > limit };
    }
    if (input.around !== undefined) {
      const middle = await seqOf(chat, input.around);
      const older = Math.floor(limit / 2);
      const [before, after] = await Promise.all([
        messages.before(chat, middle, older + 1),
        messages.after(chat, middle - 1, limit - older),
      ]);
      return { found: [...before.slice(0, older).reverse(), ...after], hasMore: before.length > older };
    }
    const end = input.before === undefined ? Number.MAX_SAFE_INTEGER : await seqOf(chat, input.before);
    const found = await messages.before(chat, end, limit + 1);
    return { found: found.slice(0, limit).reverse(), hasMore: found.length > limit };
  }

  /** A mark beyond the newest message would make later messages count as read before they exist. */
  async function clampToTail(chatId: string, seq: number): Promise<number> {
    return Math.min(seq, (await messages.tail(toId(chatId))).seq);
  }

  async function move(
    actor: Actor,
    input: ReadInput,
    how: { fact: 'message.read' | 'message.delivered'; socketId: string | null },
  ): Promise<ReadMark> {
    await members.require(input.chatId, actor.userId);
    const seq = await clampToTail(input.chatId, input.seq);
    const at = new Date(clock());
    const moved =
      how.fact === 'message.read'
        ? await deps.memberModel.markRead(input.chatId, actor.userId, { seq, at })
        : await deps.memberModel.markDelivered(input.chatId, actor.userId, seq);
    const mark: ReadMark = { chatId: input.chatId, userId: actor.userId, seq, at: at.toISOString() };
    if (!moved) return { ...mark, seq: Math.max(seq, await markOf(actor, input.chatId, how.fact)) };
    // Of a blocked pair neither learns what the other reads; one's own devices do.
    const alone = await deps.gate.isClosed(input.chatId);
    deps.facts.publish(how.fact, { ...mark, alone, socketId: how.socketId });
    return mark;
  }

  /** Where a mark that did not move stands. */
  async function markOf(
    actor: Actor,
    chatId: string,
    which: 'message.read' | 'message.delivered',
  ): Promise<number> {
    const member = await deps.memberModel.find(chatId, actor.userId);
    return (which === 'message.read' ? member?.lastReadSeq : member?.deliveredSeq) ?? 0;
  }

  async function marksFor(actor: Actor, chatId: string): Promise<readonly Mark[]> {
    return deps.gate.marksFor(actor.userId, chatId, await deps.readMarks(chatId));
  }

  async function history(actor: Actor, input: HistoryInput): ReturnType<MessageService['history']> {
    await members.require(input.chatId, actor.userId);
    const [{ found, hasMore }, marks] = await Promise.all([
      page(toId(input.chatId), input),
      marksFor(actor, input.chatId),
    ]);
    const edge = input.after === undefined ? found[0] : found[found.length - 1];
    return {
      messages: await views.present(found, () => marks, actor.userId),
      hasMore,
      nextCursor: hasMore && edge !== undefined ? String(edge.seq) : null,
    };
  }

  return {
    send,
    sendSystem: async (actor, chatId, text) => {
      const sender = await users.actingView(actor.userId);
      return append(
        { chat: toId(chatId), sender: toId(actor.userId), messageType: 'system', content: { text } },
        { sender, replyTo: null, socketId: null },
      );
    },

    history,
    focus: async (actor, chatId) => {
      const [{ messages: newest, hasMore }, roster] = await Promise.all([
        history(actor, { chatId, limit: 20 }),
        deps.memberModel.findByChat(chatId),
      ]);
      const ids = roster.map((member) => member.user.toHexString());
      const seen = await users.viewsFor({ id: actor.userId, sharing: new Set(ids) }, ids);
      return { messages: newest, hasMore, online: ids.filter((id) => seen.get(id)?.isOnline === true) };
    },

    changes: async (actor, input) => {
      await members.require(input.chatId, actor.userId);
      const chat = toId(input.chatId);
      const [found, marks] = await Promise.all([
        messages.changedSince(chat, input.since, input.limit + 1),
        marksFor(actor, input.chatId),
      ]);
      const changed = found.slice(0, input.limit);
      return {
        messages: await views.present(changed, () => marks, actor.userId),
        rev: changed[changed.length - 1]?.rev ?? input.since,
        more: found.length > input.limit,
      };
    },

    markRead: (actor, input, socketId) => move(actor, input, { fact: 'message.read', socketId }),
    markDelivered: (actor, input, socketId) => move(actor, input, { fact: 'message.delivered', socketId }),
  };
}
