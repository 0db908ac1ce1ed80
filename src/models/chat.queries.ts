import type { Connection, PipelineStage } from 'mongoose';
import type { MemberRole } from '../contract/views.js';
import { profileFields, type UserProfile } from './user.model.js';
import { toId, type Id } from './ids.js';
import type { MessageDoc } from './message.model.js';

/**
 * Reads of a member's chats. Each is one aggregation that starts from the caller's own memberships, so a chat he is not
 * in can't appear. The settled counters of the chat document are corrected here by the messages beyond them (`fresh`),
 * so the answer is right at once and after any crash.
 */

/** A chat's true state for one member. */
export type MemberChat = {
  chatId: string;
  isGroup: boolean;
  directKey: string | null;
  seq: number;
  rev: number;
  lastReadSeq: number;
  /** The settled counters lag: someone should settle them (see MessageSettler.repair). */
  lagging: boolean;
  activityAt: Date;
};

/** `MemberChat` with what a chat view shows. */
export type MemberChatDetail = MemberChat & {
  name: string;
  description: string;
  avatar: string | null;
  muted: boolean;
  pinned: boolean;
  archived: boolean;
  createdAt: Date;
  updatedAt: Date;
  latest: MessageDoc | null;
  /** All members, the longest-standing first, with their true read marks. */
  members: { user: Id; role: MemberRole; lastReadSeq: number }[];
  /** Profiles of the first members. */
  profiles: UserProfile[];
};

export type ChatCursor = { at: Date; chatId: string };

const FRESH: PipelineStage.Lookup = {
  $lookup: {
    from: 'messages',
    let: { chat: '$chat', rev: '$c.rev' },
    pipeline: [
      { $match: { $expr: { $and: [{ $eq: ['$chat', '$$chat'] }, { $gt: ['$rev', '$$rev'] }] } } },
      { $project: { _id: 0, seq: 1, rev: 1, sender: 1, createdAt: 1 } },
    ],
    as: 'fresh',
  },
};

/**
 * The read mark once more, read after the counters: marks are settled before counters, so a mark read before them could
 * miss what the counters already leave out of `fresh`.
 */
const MARK: PipelineStage.Lookup = {
  $lookup: {
    from: 'memberships',
    localField: '_id',
    foreignField: '_id',
    pipeline: [{ $project: { _id: 0, lastReadSeq: 1 } }],
    as: 'mark',
  },
};

/** The newest of one user's own messages among the fresh ones: sending marks read up to one's own message. */
function ownFreshSeq(user: string): object {
  return {
    $max: {
      $map: {
        input: { $filter: { input: '$fresh', as: 'm', cond: { $eq: ['$$m.sender', user] } } },
        as: 'm',
        in: '$$m.seq',
      },
    },
  };
}

function stateStages(userId: string, chatIds?: readonly string[]): PipelineStage[] {
  return [
    {
      $match: { user: toId(userId), ...(chatIds === undefined ? {} : { chat: { $in: chatIds.map(toId) } }) },
    },
    { $lookup: { from: 'chats', localField: 'chat', foreignField: '_id', as: 'c' } },
    { $unwind: '$c' },
    FRESH,
    MARK,
    {
      $addFields: {
        seq: { $max: ['$c.seq', { $max: '$fresh.seq' }] },
        rev: { $max: ['$c.rev', { $max: '$fresh.rev' }] },
        activityAt: {
          $ifNull: [{ $max: ['$c.lastMessageAt', { $max: '$fresh.createdAt' }] }, '$c.createdAt'],
        },
        lastReadSeq: { $max: ['$lastReadSeq', { $max: '$mark.lastReadSeq' }, ownFreshSeq('$user')] },
        lagging: { $ne: ['$fresh', []] },
      },
    },
  ];
}

const STATE_FIELDS = {
  _id: 0,
  chatId: { $toString: '$chat' },
  isGroup: '$c.isGroup',
  directKey: { $ifNull: ['$c.directKey', null] },
  seq: 1,
  rev: 1,
  lastReadSeq: 1,
  lagging: 1,
  activityAt: 1,
} as const;

/** Latest message, members and the first `shown` members' profiles, for the few chats of a page. */
function detailStages(shown: number): PipelineStage[] {
  return [
    {
      $lookup: {
        from: 'messages',
        let: { chat: '$chat', seq: '$seq' },
        pipeline: [
          { $match: { $expr: { $and: [{ $eq: ['$chat', '$$chat'] }, { $eq: ['$seq', '$$seq'] }] } } },
          { $limit: 1 },
        ],
        as: 'latest',
      },
    },
    {
      $lookup: {
        from: 'memberships',
        localField: 'chat',
        foreignField: 'chat',
        pipeline: [
          { $sort: { joinedAt: 1, _id: 1 } },
          { $project: { _id: 0, user: 1, role: 1, lastReadSeq: 1 } },
        ],
        as: 'members',
      },
    },
    {
      $addFields: {
        shown: { $slice: ['$members.user', shown] },
        members: {
          $map: {
            input: '$members',
            as: 'one',
            in: {
              user: '$$one.user',
              role: '$$one.role',
              lastReadSeq: { $max: ['$$one.lastReadSeq', ownFreshSeq('$$one.user')] },
            },
          },
        },
      },
    },
    {
      $lookup: {
        from: 'users',
        localField: 'shown',
        foreignField: '_id',
        pipeline: [{ $project: profileFields }],
        as: 'profiles',
      },
    },
    {
      $project: {
        ...STATE_FIELDS,
        name: '$c.name',
        description: '$c.description',
        avatar: '$c.avatar',
        createdAt: '$c.createdAt',
        updatedAt: '$c.updatedAt',
        muted: 1,
        pinned: 1,
        archived: 1,
        latest: { $ifNull: [{ $first: '$latest' }, null] },
        members: 1,
        profiles: 1,
      },
    },
  ];
}

/** Newest activity first, from the cursor on. */
function pageStages(page: { cursor?: ChatCursor | undefined; skip: number; limit: number }): PipelineStage[] {
  const { cursor } = page;
  const from: PipelineStage[] =
    cursor === undefined
      ? []
      : [
          {
            $match: {
              $or: [
                { activityAt: { $lt: cursor.at } },
                { activityAt: cursor.at, chat: { $lt: toId(cursor.chatId) } },
              ],
            },
          },
        ];
  return [
    ...from,
    { $sort: { activityAt: -1, chat: -1 } },
    ...(page.skip > 0 ? [{ $skip: page.skip }] : []),
    { $limit: page.limit },
  ];
}

export function createChatQueries(connection: Connection) {
  const aggregate = <T>(stages: PipelineStage[]): Promise<T[]> =>
    connection.collection('memberships').aggregate(stages).toArray() as unknown as Promise<T[]>;

  return {
    /** The pipeline of `page`, for `explain` in tests. */
    pagePipeline: (
      userId: string,
      page: { cursor?: ChatCursor; skip: number; limit: number; shown: number },
    ): PipelineStage[] => [...stateStages(userId), ...pageStages(page), ...detailStages(page.shown)],

    /** True counters of all the user's chats (or of those named that he is in). */
    states: (userId: string, chatIds?: readonly string[]): Promise<MemberChat[]> =>
      aggregate<MemberChat>([...stateStages(userId, chatIds), { $project: STATE_FIELDS }]),

    page: (
      userId: string,
      page: { cursor?: ChatCursor | undefined; skip: number; limit: number; shown: number },
    ): Promise<MemberChatDetail[]> =>
      aggregate<MemberChatDetail>([...stateStages(userId), ...pageStages(page), ...detailStages(page.shown)]),

    details: (userId: string, chatIds: readonly string[], shown: number): Promise<MemberChatDetail[]> =>
      aggregate<MemberChatDetail>([...stateStages(userId, chatIds), ...detailStages(shown)]),

    /** The newest `limit` messages of each chat, oldest first, in one query; chats without messages are left out. */
    newestPages: async (chatIds: readonly string[], limit: number): Promise<Map<string, MessageDoc[]>> => {
      if (chatIds.length === 0) return new Map();
      const found = await connection
        .collection('chats')
        .aggregate<{ _id: Id; messages: MessageDoc[] }>([
          { $match: { _id: { $in: chatIds.map(toId) } } },
          {
            $lookup: {
              from: 'messages',
              localField: '_id',
              foreignField: 'chat',
              pipeline: [{ $sort: { seq: -1 } }, { $limit: limit }],
              as: 'messages',
            },
          },
          { $project: { messages: 1 } },
        ])
        .toArray();
      return new Map(found.map(({ _id, messages }) => [_id.toHexString(), messages.reverse()]));
    },

    /** True read marks of a chat's members. */
    readMarks: async (chatId: string): Promise<{ user: Id; lastReadSeq: number }[]> => {
      const chat = toId(chatId);
      const found = await connection
        .collection('chats')
        .aggregate<{ members: { user: Id; lastReadSeq: number }[] }>([
          { $match: { _id: chat } },
          { $project: { chat: '$_id', 'c.rev': '$rev' } },
          FRESH,
          {
            $lookup: {
              from: 'memberships',
              localField: 'chat',
              foreignField: 'chat',
              pipeline: [{ $project: { _id: 0, user: 1, lastReadSeq: 1 } }],
              as: 'members',
            },
          },
          {
            $project: {
              members: {
                $map: {
                  input: '$members',
                  as: 'one',
                  in: {
                    user: '$$one.user',
                    lastReadSeq: { $max: ['$$one.lastReadSeq', ownFreshSeq('$$one.user')] },
                  },
                },
              },
            },
          },
        ])
        .toArray();
      return found[0]?.members ?? [];
    },
  };
}

export type ChatQueries = ReturnType<typeof createChatQueries>;
