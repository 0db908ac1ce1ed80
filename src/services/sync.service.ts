import type { Actor } from '../contract/actor.js';
import type { SyncInput } from '../contract/inputs.js';
import type { ChatView, MessageView } from '../contract/views.js';
import { toId } from '../models/ids.js';
import type { ChatQueries, MemberChat } from '../models/chat.queries.js';
import type { MessageDoc, MessageModel } from '../models/message.model.js';
import type { ChatViews } from './chat.views.js';
import type { MessageViews } from './message.views.js';

/**
 * What a client that was away needs to be right again, for all its chats at once.
 *
 * The client names the newest rev it has of each chat. Per call: one aggregation for the true state of its chats, one
 * query for what changed in all of them, one for the newest page of chats it does not know. While `more` it calls again
 * with the revs it has by then. `state` gives every chat's counters, since reading on another device changes no rev.
 */
export type SyncService = {
  sync(actor: Actor, input: SyncInput): Promise<SyncView>;
};

export type SyncView = {
  chats: { chatId: string; rev: number; chat: ChatView; messages: MessageView[] }[];
  /** Chats the client named that it is no longer in. */
  gone: string[];
  more: boolean;
  state: { chatId: string; rev: number; seq: number; lastReadSeq: number; unreadCount: number }[];
};

/** Messages of known chats in one answer. */
const CHANGES_PER_CALL = 1_000;
/** Chats unknown to the client in one answer, each with its newest page. */
const NEW_CHATS_PER_CALL = 25;
const NEWEST_PAGE = 20;

type Deps = {
  queries: ChatQueries;
  chatViews: ChatViews;
  messageViews: MessageViews;
  messages: MessageModel;
};

export function createSyncService(deps: Deps): SyncService {
  /** What changed in known chats, whole chats as far as the limit reaches and the part of one that it cuts. */
  async function changesOf(
    chats: readonly MemberChat[],
    known: SyncInput['chats'],
  ): Promise<{ byChat: Map<string, MessageDoc[]>; cut: boolean }> {
    const marks = chats.map((chat) => ({ chat: toId(chat.chatId), rev: known[chat.chatId] ?? 0 }));
    const found = await deps.messages.changedSinceMany(marks, CHANGES_PER_CALL + 1);
    const byChat = new Map<string, MessageDoc[]>();
    for (const message of found.slice(0, CHANGES_PER_CALL)) {
      const chatId = message.chat.toHexString();
      const list = byChat.get(chatId);
      if (list === undefined) byChat.set(chatId, [message]);
      else list.push(message);
    }
    return { byChat, cut: found.length > CHANGES_PER_CALL };
  }

  return {
    sync: async (actor, input) => {
      const states = await deps.queries.states(actor.userId);
      states.sort((a, b) => b.activityAt.getTime() - a.activityAt.getTime());
      const mine = new Set(states.map((state) => state.chatId));
      const known = states.filter(
        (state) => state.chatId in input.chats && state.rev > (input.chats[state.chatId] ?? 0),
      );
      const unknown = states.filter((state) => !(state.chatId in input.chats));
      const fresh = unknown.slice(0, NEW_CHATS_PER_CALL);

      const [changes, pages] = await Promise.all([
        changesOf(known, input.chats),
        deps.queries.newestPages(
          fresh.map((chat) => chat.chatId),
          NEWEST_PAGE,
        ),
      ]);
      const { views, marksOf } = await deps.chatViews.withMarks(actor.userId, [
        ...changes.byChat.keys(),
        ...pages.keys(),
      ]);
      const documents = [...changes.byChat.values(), ...pages.values()].flat();
      const presented = new Map(
        (await deps.messageViews.present(documents, marksOf, actor.userId)).map((message) => [
          message._id,
          message,
        ]),
      );
      const stateOf = new Map(states.map((state) => [state.chatId, state]));

      return {
        chats: views.map((chat) => {
          const messages = changes.byChat.get(chat._id) ?? pages.get(chat._id) ?? [];
          return {
            chatId: chat._id,
            rev: pages.has(chat._id)
              ? Math.max(stateOf.get(chat._id)?.rev ?? 0, ...messages.map((message) => message.rev))
              : (messages[messages.length - 1]?.rev ?? chat.rev),
            chat,
            messages: messages.flatMap((message) => presented.get(message._id.toHexString()) ?? []),
          };
        }),
        gone: Object.keys(input.chats).filter((chatId) => !mine.has(chatId)),
        more: changes.cut || unknown.length > fresh.length,
        state: states.map(({ chatId, rev, seq, lastReadSeq }) => ({
          chatId,
          rev,
          seq,
          lastReadSeq,
          unreadCount: Math.max(0, seq - lastReadSeq),
        })),
      };
    },
  };
}
