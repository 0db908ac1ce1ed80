import type { ChatView } from '../contract/views.js';
import { notFound } from '../platform/errors/app-error.js';
import { toId } from '../models/ids.js';
import type { ChatQueries, MemberChatDetail } from '../models/chat.queries.js';
import { presentChat } from '../presenters/chat.presenter.js';
import type { MessageSettler } from './message.settler.js';
import type { Mark, MessageViews } from './message.views.js';
import type { PairBook } from './pair-book.js';
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
  /** A group as all of its members may see it, for a broadcast; the counters and switches are `memberId`'s. */
  getShared(memberId: string, chatId: string): Promise<ChatView>;
};

const MEMBERS_IN_LISTS = 100;
const ALL_MEMBERS = 100_000;

type Deps = {
  queries: ChatQueries;
  users: UserService;
  messages: MessageViews;
  blocks: PairBook;
  settler: Pick<MessageSettler, 'repair'>;
};

export function createChatViews(deps: Deps): ChatViews {
  /** `shared`: for all members at once. */
  async function present(
    userId: string,
    chats: readonly MemberChatDetail[],
    shared = false,
  ): Promise<ChatView[]> {
    for (const chat of chats) if (chat.lagging) deps.settler.repair(toId(chat.chatId));
    const profiles = new Map(
      chats.flatMap((chat) => chat.profiles.map((p) => [p._id.toHexString(), p] as const)),
    );
    const marksOf = await marksFor(userId, chats);
    const sharing = new Set(profiles.keys());
    const [users, latest] = await Promise.all([
      shared
        ? deps.users.viewsForMany([...sharing], membersOf(chats))
        : deps.users.presentFor({ id: userId, sharing }, [...profiles.values()]),
      deps.messages.present(
        chats.flatMap((chat) => chat.latest ?? []),
        marksOf,
        shared ? null : userId,
      ),
    ]);
    const latestOf = new Map(latest.map((message) => [message.chat, message]));
    return chats.map((chat) =>
      presentChat(chat, { viewerId: userId, users, latestMessage: latestOf.get(chat.chatId) ?? null }),
    );
  }

  /** Those read marks that the user may know: in the direct chat of a blocked pair, his own. */
  async function marksFor(
    userId: string,
    chats: readonly MemberChatDetail[],
  ): Promise<(chatId: string) => readonly Mark[]> {
    const blocked = await deps.blocks.idsOf(userId);
    const closed = (chat: MemberChatDetail): boolean =>
      chat.directKey?.split(':').some((id) => blocked.has(id)) === true;
    const marks = new Map(
      chats.map((chat) => [
        chat.chatId,
        closed(chat) ? chat.members.filter(({ user }) => user.toHexString() === userId) : chat.members,
      ]),
    );
    return (chatId) => marks.get(chatId) ?? [];
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
      return { views: await present(userId, chats), marksOf: await marksFor(userId, chats) };
    },
    get: async (userId, chatId) => {
      const [view] = await list(userId, [chatId], { allMembers: true });
      if (view === undefined) throw notFound('chat');
      return view;
    },
    getShared: async (memberId, chatId) => {
      const found = await deps.queries.details(memberId, [chatId], ALL_MEMBERS);
      const [view] = await present(memberId, found, true);
      if (view === undefined) throw notFound('chat');
      return view;
    },
  };
}

function membersOf(chats: readonly MemberChatDetail[]): ReadonlySet<string> {
  return new Set(chats.flatMap((chat) => chat.members.map(({ user }) => user.toHexString())));
}
