import { Schema, trusted, type Connection } from 'mongoose';
import type { Dialect } from '../contract/actor.js';
import type { Place } from '../platform/places/places.js';
import { toId, type Id } from './ids.js';
import { placeSchema } from './place.schema.js';

/**
 * A session is a family of tokens: all tokens that came from one sign-in name it, and all die with it.
 * It lives in MongoDB, so that neither a restart nor an emptied key store signs people out or revives the dead.
 */
export type SessionDoc = {
  /** 128 random bits, base64url. */
  _id: string;
  user: Id;
  dialect: Dialect;
  createdAt: Date;
  /** Brought up to date every few minutes and whenever somebody looks (services/last-used). */
  lastUsedAt: Date;
  /** TTL: a session unused for the refresh token's lifetime is gone. */
  expiresAt: Date;
  ip: string;
  /** "Firefox 128 on Linux": all that is kept of the User-Agent header. */
  device: string;
  /** Where it began. */
  place: Place | null;
  /** What the client calls its device; null as long as it has not said. */
  deviceId: string | null;
  /** SHA-256 of the one good refresh token. */
  refreshHash: string;
  /** The token before it and when it was exchanged: parallel tabs present it within the grace and get the same successor. */
  previousHash: string | null;
  rotatedAt: Date | null;
};

const schema = new Schema<SessionDoc>(
  {
    _id: { type: String, required: true },
    user: { type: Schema.Types.ObjectId, required: true },
    dialect: { type: String, required: true },
    createdAt: { type: Date, required: true },
    lastUsedAt: { type: Date, required: true },
    expiresAt: { type: Date, required: true },
    ip: { type: String, default: '' },
    device: { type: String, default: '' },
    place: { type: placeSchema, default: null },
    deviceId: { type: String, default: null },
    refreshHash: { type: String, required: true },
    previousHash: { type: String, default: null },
    rotatedAt: { type: Date, default: null },
  },
  { versionKey: false, collection: 'sessions' },
);
schema.index({ user: 1, lastUsedAt: -1 });
schema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });

export function createSessionModel(connection: Connection) {
  const model = connection.model<SessionDoc>('Session', schema);
  return {
    model,
    insert: async (session: SessionDoc): Promise<void> => {
      await model.create(session);
    },
    findById: (id: string): Promise<SessionDoc | null> => model.findById(id).lean<SessionDoc>().exec(),
    findByUser: (userId: string): Promise<SessionDoc[]> =>
      model
        .find({ user: toId(userId) })
        .sort({ lastUsedAt: -1 })
        .lean<SessionDoc[]>()
        .exec(),

    /** Whether the user has a session that began at this address. Takes as long when there is none. */
    existsAt: async (userId: string, ip: string): Promise<boolean> =>
      (await model.exists({ user: toId(userId), ip })) !== null,

    /** One winner among parallel rotations: only who still finds `from` as the good token replaces it. */
    rotate: async (change: {
      id: string;
      from: string;
      to: string;
      at: Date;
      expiresAt: Date;
    }): Promise<boolean> => {
      const result = await model.updateOne(
        { _id: change.id, refreshHash: change.from },
        {
          $set: {
            refreshHash: change.to,
            previousHash: change.from,
            rotatedAt: change.at,
            lastUsedAt: change.at,
            expiresAt: change.expiresAt,
          },
        },
      );
      return result.modifiedCount === 1;
    },

    /** Moves `lastUsedAt` forward, never back. */
    touch: async (uses: readonly { id: string; at: Date }[]): Promise<void> => {
      const writes = uses.map(({ id, at }) => ({
        updateOne: { filter: { _id: id }, update: { $max: { lastUsedAt: at } } },
      }));
      await model.bulkWrite(writes, { ordered: false });
    },

    /** True when the session was there and the caller's. */
    delete: async (id: string, userId: string): Promise<boolean> =>
      (await model.deleteOne({ _id: id, user: toId(userId) })).deletedCount === 1,

    /** Deletes all of the user's sessions (but `except`) and answers their ids. */
    deleteAll: async (userId: string, except?: string): Promise<string[]> => {
      const found = await model
        .find({ user: toId(userId), ...(except ? { _id: trusted({ $ne: except }) } : {}) }, { _id: 1 })
        .lean();
      const ids = found.map((session) => session._id);
      if (ids.length > 0) await model.deleteMany({ _id: trusted({ $in: ids }) });
      return ids;
    },
  };
}

export type SessionModel = ReturnType<typeof createSessionModel>;
