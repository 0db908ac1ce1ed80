import { Schema, trusted, type Connection } from 'mongoose';
import { toId, type Id } from './ids.js';

/** A browser that need not show the second factor for a while. */
export type TrustedDeviceDoc = {
  /** SHA-256 of what its cookie holds. */
  _id: string;
  user: Id;
  /** What the trust rests on (see second-factor `standingOf`): under another password or secret it is worth nothing. */
  standing: string;
  /** The session that began with it last. */
  session: string;
  createdAt: Date;
  lastUsedAt: Date;
  /** TTL, and looked at when it is used: not every database deletes by itself. */
  expiresAt: Date;
  ip: string;
  /** What to show its owner: "Firefox on Linux". */
  device: string;
};

const schema = new Schema<TrustedDeviceDoc>(
  {
    _id: { type: String, required: true },
    user: { type: Schema.Types.ObjectId, required: true },
    standing: { type: String, required: true },
    session: { type: String, required: true },
    createdAt: { type: Date, required: true },
    lastUsedAt: { type: Date, required: true },
    expiresAt: { type: Date, required: true },
    ip: { type: String, default: '' },
    device: { type: String, default: '' },
  },
  { versionKey: false, collection: 'trusteddevices' },
);
schema.index({ user: 1, createdAt: -1 });
schema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });

export function createTrustedDeviceModel(connection: Connection) {
  const model = connection.model<TrustedDeviceDoc>('TrustedDevice', schema);
  return {
    model,

    /** Keeps the newest `keep` of the user's that have not expired, with this one. */
    insert: async (device: TrustedDeviceDoc, { keep }: { keep: number }): Promise<void> => {
      await model.create(device);
      const { user, createdAt } = device;
      const surplus = await model
        .find({ user, expiresAt: trusted({ $gt: createdAt }) }, { _id: 1 })
        .sort({ createdAt: -1 })
        .skip(keep)
        .lean();
      await model.deleteMany({
        user,
        $or: [
          { expiresAt: trusted({ $lte: createdAt }) },
          { _id: trusted({ $in: surplus.map(({ _id }) => _id) }) },
        ],
      });
    },

    isLive: async (of: { id: string; userId: string; standing: string; at: Date }): Promise<boolean> => {
      const { id, userId, standing, at } = of;
      const live = { _id: id, user: toId(userId), standing, expiresAt: trusted({ $gt: at }) };
      return (await model.exists(live)) !== null;
    },

    touch: async (of: { id: string; userId: string; session: string; at: Date }): Promise<void> => {
      const { id, userId, session, at } = of;
      await model.updateOne({ _id: id, user: toId(userId) }, { $set: { session, lastUsedAt: at } });
    },

    findByUser: (userId: string, at: Date): Promise<TrustedDeviceDoc[]> =>
      model
        .find({ user: toId(userId), expiresAt: trusted({ $gt: at }) })
        .sort({ createdAt: -1 })
        .lean<TrustedDeviceDoc[]>()
        .exec(),

    delete: async (userId: string, which: { id: string } | { session: string }): Promise<boolean> => {
      const one = 'id' in which ? { _id: which.id } : { session: which.session };
      return (await model.deleteMany({ user: toId(userId), ...one })).deletedCount > 0;
    },

    deleteAll: async (userId: string): Promise<void> => {
      await model.deleteMany({ user: toId(userId) });
    },
  };
}

export type TrustedDeviceModel = ReturnType<typeof createTrustedDeviceModel>;
