import type { ChatView } from '../contract/views.js';
import { notFound } from '../platform/errors/app-error.js';
import { toId } from '../models/ids.js';
import type { ChatQueries, MemberChatDetail } from '../models/chat.queries.js';
import { presentChat } from '../presenters/chat.presenter.js';
import type { MessageSettler } from './message.settler.js';
import type { Mark, MessageViews } from './message.views.js';
import type { UserService } from './user.service.js';

/** Chats as their members see them: one aggregation for any number of chats, and one presence look-up. */
export type ChatViews = {
  page(
    userId: string,
    page: { cursor?: { at: Date; chatId: string } | undefined; skip: number; limit: number },
  ): Promise<{
    chats: ChatView[];
    /** Where the page ended, for the cursor. */
    last: { at: Date; chatId: string } | null;
    hasMore: boolean;
  }>;
  /** The user's views of those chats that he is in. `allMembers`: every member instead of the first hundred. */
  list(userId: string, chatIds: readonly string[], options?: { allMembers?: boolean }): Promise<ChatView[]>;
  /** As `list`, with the members' read marks, for whoever presents messages of those chats too. */
  withMarks(
    userId: string,
    chatIds: readonly string[],
  ): Promise<{ views: ChatView[]; marksOf: (chatId: string) => readonly Mark[] }>;
  /** One chat with all its members; throws NOT_FOUND unless the user is in it. */
  get(userId: string, chatId: string): Promise<ChatView>;
};

const MEMBERS_IN_LISTS = 100;
const ALL_MEMBERS = 100_000;

type Deps = {
  queries: ChatQueries;
  users: UserService;
  messages: MessageViews;
  settler: Pick<MessageSettler, 'repair'>;
};

export function createChatViews(deps: Deps): ChatViews {
  async function present(userId: string, chats: readonly MemberChatDetail[]): Promise<ChatView[]> {
    for (const chat of chats) if (chat.lagging) deps.settler.repair(toId(chat.chatId));
    const profiles = new Map(
      chats.flatMap((chat) => chat.profiles.map((p) => [p._id.toHexString(), p] as const)),
    );
    const marks = new Map(chats.map((chat) => [chat.chatId, chat.members]));
    const [users, latest] = await Promise.all([
      deps.users.present([...profiles.values()]),
      deps.messages.present(
        chats.flatMap((chat) => chat.latest ?? []),
        (chatId) => marks.get(chatId) ?? [],
      ),
    ]);
    const latestOf = new Map(latest.map((message) => [message.chat, message]));
    return chats.map((chat) =>
      presentChat(chat, { viewerId: userId, users, latestMessage: latestOf.get(chat.chatId) ?? null }),
    );
  }

  const list: ChatViews['list'] = async (userId, chatIds, options = {}) => {
    if (chatIds.length === 0) return [];
    const shown = options.allMembers === true ? ALL_MEMBERS : MEMBERS_IN_LISTS;
    return present(userId, await deps.queries.details(userId, chatIds, shown));
  };

  return {
    page: async (userId, { cursor, skip, limit }) => {
      const found = await deps.queries.page(userId, {
        cursor,
        skip,
        limit: limit + 1,
        shown: MEMBERS_IN_LISTS,
      });
      const chats = found.slice(0, limit);
      const end = chats[chats.length - 1];
      return {
        chats: await present(userId, chats),
        last: end === undefined ? null : { at: end.activityAt, chatId: end.chatId },
        hasMore: found.length > limit,
      };
    },
    list,
    withMarks: async (userId, chatIds) => {
      const chats = chatIds.length === 0 ? [] : await deps.queries.details(userId, chatIds, MEMBERS_IN_LISTS);
      const marks = new Map(chats.map((chat) => [chat.chatId, chat.members]));
      return { views: await present(userId, chats), marksOf: (chatId) => marks.get(chatId) ?? [] };
    },
    get: async (userId, chatId) => {
      const [view] = await list(userId, [chatId], { allMembers: true });
      if (view === undefined) throw notFound('chat');
      return view;
    },
  };
}
