import { Schema, trusted, type Connection } from 'mongoose';
import { isDuplicateKey, newId, toId, type Id } from './ids.js';

export type RelationState = 'none' | 'pending' | 'declined' | 'friends';

/**
 * What two people are to each other: one document a pair, kept for good once there was anything, so that every step is
 * one write to one document that is still as it was read (`rev`).
 */
export type RelationDoc = {
  _id: Id;
  /** The smaller id of the two. */
  low: Id;
  high: Id;
  state: RelationState;
  /** Who asked; of friends, who had asked. */
  by: Id | null;
  /** When the last request of either was declined: he is not heard again for a while. */
  refusedLow: Date | null;
  refusedHigh: Date | null;
  /** Since when the state is what it is. */
  at: Date;
  rev: number;
};

export type RelationChange = Pick<RelationDoc, 'state' | 'by' | 'refusedLow' | 'refusedHigh' | 'at'>;

const schema = new Schema<RelationDoc>(
  {
    low: { type: Schema.Types.ObjectId, required: true },
    high: { type: Schema.Types.ObjectId, required: true },
    state: { type: String, required: true },
    by: { type: Schema.Types.ObjectId, default: null },
    refusedLow: { type: Date, default: null },
    refusedHigh: { type: Date, default: null },
    at: { type: Date, required: true },
    rev: { type: Number, required: true },
  },
  { versionKey: false, collection: 'relations' },
);
schema.index({ low: 1, high: 1 }, { unique: true });
schema.index({ low: 1, state: 1, at: -1 });
schema.index({ high: 1, state: 1, at: -1 });

/** The two ids in the order in which the document has them. */
export function inOrder(a: string, b: string): [low: string, high: string] {
  return a < b ? [a, b] : [b, a];
}

export function createRelationModel(connection: Connection) {
  const model = connection.model<RelationDoc>('Relation', schema);

  /** Relations of the user in one of the states, the latest first. */
  const ofUser = async (
    userId: string,
    filter: { state: RelationState | readonly RelationState[]; by?: 'self' | 'other' },
    limit: number,
  ): Promise<RelationDoc[]> => {
    const id = toId(userId);
    const state = typeof filter.state === 'string' ? filter.state : trusted({ $in: [...filter.state] });
    const by = filter.by === undefined ? {} : { by: filter.by === 'self' ? id : trusted({ $ne: id }) };
    // Two scans that go by an index each, instead of one that sorts what an $or has brought together.
    const [low, high] = await Promise.all(
      [{ low: id }, { high: id }].map((side) =>
        model
          .find({ ...side, state, ...by })
          .sort({ at: -1 })
          .limit(limit)
          .lean<RelationDoc[]>()
          .exec(),
      ),
    );
    return [...(low ?? []), ...(high ?? [])].sort((a, b) => b.at.getTime() - a.at.getTime()).slice(0, limit);
  };

  return {
    model,
    ofUser,

    find: (a: string, b: string): Promise<RelationDoc | null> => {
      const [low, high] = inOrder(a, b);
      return model
        .findOne({ low: toId(low), high: toId(high) })
        .lean<RelationDoc>()
        .exec();
    },

    /** False when there is one of the pair already. */
    insert: async (a: string, b: string, first: RelationChange): Promise<boolean> => {
      const [low, high] = inOrder(a, b);
      try {
        await model.create({ _id: newId(), low: toId(low), high: toId(high), ...first, rev: 1 });
        return true;
      } catch (error) {
        if (isDuplicateKey(error)) return false;
        throw error;
      }
    },

    /** False when it is no longer as it was read. */
    change: async (read: RelationDoc, next: RelationChange): Promise<boolean> => {
      const result = await model.updateOne(
        { _id: read._id, rev: read.rev },
        { $set: { ...next, rev: read.rev + 1 } },
      );
      return result.modifiedCount === 1;
    },

    /** Every friendship of one of the users. */
    friendPairs: async (userIds: readonly string[]): Promise<[string, string][]> => {
      const ids = trusted({ $in: userIds.map(toId) });
      const found = await model
        .find(
          {
            $or: [
              { low: ids, state: 'friends' },
              { high: ids, state: 'friends' },
            ],
          },
          { low: 1, high: 1, _id: 0 },
        )
        .lean<{ low: Id; high: Id }[]>()
        .exec();
      return found.map(({ low, high }) => [low.toHexString(), high.toHexString()]);
    },
  };
}

export type RelationModel = ReturnType<typeof createRelationModel>;
