import { Schema, trusted, type Connection } from 'mongoose';
import { isDuplicateKey, newId, toId, type Id } from './ids.js';
import { trimOlder } from './trim.js';

/** One mark by which an account knows a device again; hashes, so that nothing here can be shown as a cookie. */
export type KnownDeviceDoc = { _id: Id; user: Id; mark: string; firstAt: Date; lastAt: Date };

/** Marks of one account, the most recently seen. */
const KEPT = 100;
const KEPT_DAYS = 400;

const schema = new Schema<KnownDeviceDoc>(
  {
    user: { type: Schema.Types.ObjectId, required: true },
    mark: { type: String, required: true },
    firstAt: { type: Date, required: true },
    lastAt: { type: Date, required: true },
  },
  { versionKey: false, collection: 'knowndevices' },
);
schema.index({ user: 1, mark: 1 }, { unique: true });
schema.index({ user: 1, lastAt: -1 });
schema.index({ lastAt: 1 }, { expireAfterSeconds: KEPT_DAYS * 86_400 });

export function createKnownDeviceModel(connection: Connection) {
  const model = connection.model<KnownDeviceDoc>('KnownDevice', schema);

  async function see(userId: string, mark: string, at: Date): Promise<boolean> {
    try {
      const result = await model.updateOne(
        { user: toId(userId), mark },
        { $setOnInsert: { _id: newId(), firstAt: at }, $max: { lastAt: at } },
        { upsert: true },
      );
      return result.upsertedCount === 0;
    } catch (error) {
      // Another sign-in at this moment was faster.
      if (isDuplicateKey(error)) return true;
      throw error;
    }
  }

  return {
    model,

    /** True when any of the marks is known. */
    knowsAny: async (userId: string, marks: readonly string[]): Promise<boolean> =>
      (await model.exists({ user: toId(userId), mark: trusted({ $in: [...marks] }) })) !== null,

    /** Notes that a mark was seen; true when it was known. Of several at once for a new mark one hears false. */
    see,

    /** Lets go of what is too old or too much. */
    trim: async (userId: string, now: Date): Promise<void> => {
      const user = toId(userId);
      const [last] = await model
        .find({ user }, { lastAt: 1 })
        .sort({ lastAt: -1 })
        .skip(KEPT)
        .limit(1)
        .lean<Pick<KnownDeviceDoc, 'lastAt'>[]>()
        .exec();
      if (last !== undefined) await model.deleteMany({ user, lastAt: trusted({ $lte: last.lastAt }) });
      await trimOlder(model, { field: 'lastAt', before: new Date(now.getTime() - KEPT_DAYS * 86_400_000) });
    },

    forget: async (userId: string, mark: string): Promise<void> => {
      await model.deleteOne({ user: toId(userId), mark });
    },

    deleteByUser: async (userId: string): Promise<void> => {
      await model.deleteMany({ user: toId(userId) });
    },
  };
}

export type KnownDeviceModel = ReturnType<typeof createKnownDeviceModel>;
