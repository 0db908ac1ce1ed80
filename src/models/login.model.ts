import { Schema, trusted, type Connection } from 'mongoose';
import type { Place } from '../platform/places/places.js';
import { toId, type Id } from './ids.js';
import { placeSchema } from './place.schema.js';
import { trimOlder } from './trim.js';

/** One try to come into an account. What came from nobody's account (a name that does not exist) is not kept. */
export type LoginDoc = {
  _id: Id;
  user: Id;
  at: Date;
  outcome: 'success' | 'failure';
  ip: string;
  device: string;
  place: Place | null;
  newDevice: boolean;
  /** The session that began; null for a failure. */
  session: string | null;
};

export const KEPT_DAYS = 90;
/** Per account, 200 together: however many guesses fail, they can't push out the sign-ins that succeeded. */
const KEPT = { success: 150, failure: 50 } as const;

const schema = new Schema<LoginDoc>(
  {
    user: { type: Schema.Types.ObjectId, required: true },
    at: { type: Date, required: true },
    outcome: { type: String, required: true },
    ip: { type: String, default: '' },
    device: { type: String, default: '' },
    place: { type: placeSchema, default: null },
    newDevice: { type: Boolean, default: false },
    session: { type: String, default: null },
  },
  { versionKey: false, collection: 'logins' },
);
schema.index({ user: 1, at: -1, _id: -1 });
schema.index({ user: 1, outcome: 1, at: -1 });
schema.index({ at: 1 }, { expireAfterSeconds: KEPT_DAYS * 86_400 });

export function createLoginModel(connection: Connection) {
  const model = connection.model<LoginDoc>('Login', schema);

  /** Deletes what is older than the newest so many. */
  async function trimCount({ user, outcome }: Pick<LoginDoc, 'user' | 'outcome'>): Promise<void> {
    const [last] = await model
      .find({ user, outcome }, { at: 1 })
      .sort({ at: -1 })
      .skip(KEPT[outcome])
      .limit(1)
      .lean<Pick<LoginDoc, 'at'>[]>()
      .exec();
    if (last !== undefined) await model.deleteMany({ user, outcome, at: trusted({ $lte: last.at }) });
  }

  return {
    model,

    /** Stores it and lets go of what is too old or too much. */
    insert: async (login: LoginDoc): Promise<void> => {
      await model.create(login);
      const before = new Date(login.at.getTime() - KEPT_DAYS * 86_400_000);
      await Promise.all([trimCount(login), trimOlder(model, { field: 'at', before })]);
    },

    /** Newest first, from before the mark on; at most `limit`. Nothing older than `since`. */
    page: (
      userId: string,
      { limit, after, since }: { limit: number; after: { at: Date; id: string } | null; since: Date },
    ): Promise<LoginDoc[]> =>
      model
        .find({
          user: toId(userId),
          at: trusted({ $gte: since, ...(after === null ? {} : { $lte: after.at }) }),
          ...(after === null
            ? {}
            : { $or: [{ at: trusted({ $lt: after.at }) }, { _id: trusted({ $lt: toId(after.id) }) }] }),
        })
        .sort({ at: -1, _id: -1 })
        .limit(limit)
        .lean<LoginDoc[]>()
        .exec(),

    deleteByUser: async (userId: string): Promise<void> => {
      await model.deleteMany({ user: toId(userId) });
    },
  };
}

export type LoginModel = ReturnType<typeof createLoginModel>;
