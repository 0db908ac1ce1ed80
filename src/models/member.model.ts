import { Schema, trusted, type Connection } from 'mongoose';
import type { MemberRole } from '../contract/views.js';
import { newId, toId, type Id } from './ids.js';

/** One person in one chat. No document, no access: removal is deletion. */
export type MemberDoc = {
  _id: Id;
  chat: Id;
  user: Id;
  role: MemberRole;
  joinedAt: Date;
  /**
   * Everything up to here is read. Moves forward only. One's own messages move it too, in the background (message.log):
   * who reads it takes the larger of this and the seq of the member's own unsettled messages.
   */
  lastReadSeq: number;
  lastReadAt: Date | null;
  deliveredSeq: number;
  muted: boolean;
  pinned: boolean;
  archived: boolean;
};

const schema = new Schema<MemberDoc>(
  {
    chat: { type: Schema.Types.ObjectId, required: true },
    user: { type: Schema.Types.ObjectId, required: true },
    role: { type: String, required: true },
    joinedAt: { type: Date, required: true },
    lastReadSeq: { type: Number, default: 0 },
    lastReadAt: { type: Date, default: null },
    deliveredSeq: { type: Number, default: 0 },
    muted: { type: Boolean, default: false },
    pinned: { type: Boolean, default: false },
    archived: { type: Boolean, default: false },
  },
  { versionKey: false, collection: 'memberships' },
);
schema.index({ chat: 1, user: 1 }, { unique: true });
schema.index({ user: 1, chat: 1 });

export type NewMember = { chat: Id; user: Id; role: MemberRole; lastReadSeq: number; at: Date };

export function createMemberModel(connection: Connection) {
  const model = connection.model<MemberDoc>('Membership', schema);
  return {
    model,

    find: (chatId: string, userId: string): Promise<MemberDoc | null> =>
      model
        .findOne({ chat: toId(chatId), user: toId(userId) })
        .lean<MemberDoc>()
        .exec(),

    /** All members, the longest-standing first. */
    findByChat: (chatId: string): Promise<MemberDoc[]> =>
      model
        .find({ chat: toId(chatId) })
        .sort({ joinedAt: 1, _id: 1 })
        .lean<MemberDoc[]>()
        .exec(),

    /** Those of the users who are in the chat. */
    findAmong: async (chatId: string, userIds: readonly string[]): Promise<string[]> => {
      const found = await model
        .find({ chat: toId(chatId), user: trusted({ $in: userIds.map(toId) }) }, { user: 1, _id: 0 })
        .lean<{ user: Id }[]>()
        .exec();
      return found.map((membership) => membership.user.toHexString());
    },

    chatIdsOf: async (userId: string): Promise<string[]> => {
      const found = await model
        .find({ user: toId(userId) }, { chat: 1, _id: 0 })
        .lean<{ chat: Id }[]>()
        .exec();
      return found.map((membership) => membership.chat.toHexString());
    },

    count: (chatId: string): Promise<number> => model.countDocuments({ chat: toId(chatId) }).exec(),

    /** Those of `others` who share a chat with the user: who may know of his presence, and he of theirs. */
    thoseSharingChat: async (userId: string, others: readonly string[]): Promise<string[]> => {
      const chats = await model
        .find({ user: toId(userId) }, { chat: 1, _id: 0 })
        .lean<{ chat: Id }[]>()
        .exec();
      const found = await model.distinct('user', {
        user: trusted({ $in: others.map(toId) }),
        chat: trusted({ $in: chats.map((membership) => membership.chat) }),
      });
      return found.map((id) => id.toHexString());
    },

    /** Adds those who are not members yet, and answers who was added; repeating it changes nothing. */
    add: async (members: readonly NewMember[]): Promise<string[]> => {
      if (members.length === 0) return [];
      const result = await model.collection.bulkWrite(
        members.map(({ chat, user, role, lastReadSeq, at }) => ({
          updateOne: {
            filter: { chat, user },
            update: {
              $setOnInsert: {
                _id: newId(),
                role,
                joinedAt: at,
                lastReadSeq,
                lastReadAt: null,
                deliveredSeq: lastReadSeq,
                muted: false,
                pinned: false,
                archived: false,
              },
            },
            upsert: true,
          },
        })),
        { ordered: false },
      );
      return Object.keys(result.upsertedIds).flatMap(
        (index) => members[Number(index)]?.user.toHexString() ?? [],
      );
    },

    remove: async (chatId: string, userId: string): Promise<boolean> =>
      (await model.deleteOne({ chat: toId(chatId), user: toId(userId) })).deletedCount === 1,

    removeAll: async (chatId: string): Promise<void> => {
      await model.deleteMany({ chat: toId(chatId) });
    },

    setRole: async (chatId: string, userId: string, role: MemberRole): Promise<boolean> =>
      (await model.updateOne({ chat: toId(chatId), user: toId(userId) }, { $set: { role } })).matchedCount ===
      1,

    setSwitches: async (
      chatId: string,
      userId: string,
      switches: Partial<Pick<MemberDoc, 'muted' | 'pinned' | 'archived'>>,
    ): Promise<boolean> =>
      (await model.updateOne({ chat: toId(chatId), user: toId(userId) }, { $set: switches })).matchedCount ===
      1,

    /** Moves the read mark forward; false when it stood there or beyond (or nobody is a member). */
    markRead: async (chatId: string, userId: string, mark: { seq: number; at: Date }): Promise<boolean> => {
      const result = await model.updateOne(
        { chat: toId(chatId), user: toId(userId), lastReadSeq: trusted({ $lt: mark.seq }) },
        { $set: { lastReadSeq: mark.seq, lastReadAt: mark.at }, $max: { deliveredSeq: mark.seq } },
      );
      return result.modifiedCount === 1;
    },

    markDelivered: async (chatId: string, userId: string, seq: number): Promise<boolean> => {
      const result = await model.updateOne(
        { chat: toId(chatId), user: toId(userId), deliveredSeq: trusted({ $lt: seq }) },
        { $set: { deliveredSeq: seq } },
      );
      return result.modifiedCount === 1;
    },

    /** Moves senders' read marks up to their own messages; idempotent, so it may be repeated after a crash. */
    settleSenders: async (marks: readonly { chat: Id; user: Id; seq: number; at: Date }[]): Promise<void> => {
      if (marks.length === 0) return;
      await model.collection.bulkWrite(
        marks.map(({ chat, user, seq, at }) => ({
          updateOne: {
            filter: { chat, user, lastReadSeq: { $lt: seq } },
            update: { $set: { lastReadSeq: seq, lastReadAt: at }, $max: { deliveredSeq: seq } },
          },
        })),
        { ordered: false },
      );
    },
  };
}

export type MemberModel = ReturnType<typeof createMemberModel>;
