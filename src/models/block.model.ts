import { Schema, trusted, type Connection } from 'mongoose';
import { isDuplicateKey, newId, toId, type Id } from './ids.js';

/** `by` has blocked `user`. Each direction is a document of its own, so that taking back one leaves the other. */
export type BlockDoc = { _id: Id; by: Id; user: Id; at: Date };

const schema = new Schema<BlockDoc>(
  {
    by: { type: Schema.Types.ObjectId, required: true },
    user: { type: Schema.Types.ObjectId, required: true },
    at: { type: Date, required: true },
  },
  { versionKey: false, collection: 'blocks' },
);
schema.index({ by: 1, user: 1 }, { unique: true });
schema.index({ user: 1, by: 1 });
schema.index({ by: 1, _id: -1 });

export function createBlockModel(connection: Connection) {
  const model = connection.model<BlockDoc>('Block', schema);
  return {
    model,

    /** False when it was there already. */
    add: async (byId: string, userId: string, at: Date): Promise<boolean> => {
      const pair = { by: toId(byId), user: toId(userId) };
      try {
        const result = await model.updateOne(pair, { $setOnInsert: { _id: newId(), at } }, { upsert: true });
        return result.upsertedCount === 1;
      } catch (error) {
        if (isDuplicateKey(error)) return false;
        throw error;
      }
    },

    remove: async (byId: string, userId: string): Promise<boolean> =>
      (await model.deleteOne({ by: toId(byId), user: toId(userId) })).deletedCount === 1,

    /** Those of the users whom he has blocked. */
    madeAmong: async (byId: string, userIds: readonly string[]): Promise<string[]> => {
      const found = await model
        .find({ by: toId(byId), user: trusted({ $in: userIds.map(toId) }) }, { user: 1, _id: 0 })
        .lean<{ user: Id }[]>()
        .exec();
      return found.map(({ user }) => user.toHexString());
    },

    /** Every block that one of the users has made or met, as [by, user]. */
    pairsOf: async (userIds: readonly string[]): Promise<[string, string][]> => {
      const ids = trusted({ $in: userIds.map(toId) });
      const found = await model
        .find({ $or: [{ by: ids }, { user: ids }] }, { by: 1, user: 1, _id: 0 })
        .lean<{ by: Id; user: Id }[]>()
        .exec();
      return found.map(({ by, user }) => [by.toHexString(), user.toHexString()]);
    },

    /** Whom the user has blocked, the latest first; from the one after `before` on. */
    page: (byId: string, page: { before?: string | undefined; limit: number }): Promise<BlockDoc[]> =>
      model
        .find({
          by: toId(byId),
          ...(page.before === undefined ? {} : { _id: trusted({ $lt: toId(page.before) }) }),
        })
        .sort({ _id: -1 })
        .limit(page.limit)
        .lean<BlockDoc[]>()
        .exec(),
  };
}

export type BlockModel = ReturnType<typeof createBlockModel>;
