import { Schema, trusted, type Connection } from 'mongoose';
import type { UserRole } from '../contract/actor.js';
import type { UserSettings } from '../contract/views.js';
import { toId, type Id } from './ids.js';
import { mfaField, type MfaDoc } from './mfa.schema.js';

export type UserDoc = {
  _id: Id;
  username: string;
  /** Lower case: what uniqueness and look-ups go by. */
  usernameKey: string;
  /** Lower case. */
  email: string;
  passwordHash: string;
  firstName: string;
  lastName: string;
  /** Name of the picture (services/avatar.store). */
  avatar: string | null;
  bio: string;
  /** Absent in documents from before it was known. */
  statusText?: string;
  role: UserRole;
  isVerified: boolean;
  mfaEnabled: boolean;
  settings: UserSettings;
  lastSeen: Date | null;
  lastLoginAt: Date | null;
  /** Since when this is but the place of somebody who is gone: it keeps his messages in order, and nothing of him. */
  erasedAt?: Date | null;
  createdAt: Date;
  updatedAt: Date;
};

/** What others may see of the stored part of a user; secrets are not even read from the database. */
export type UserProfile = Pick<UserDoc, '_id' | keyof typeof profileFields>;

export const profileFields = {
  username: 1,
  firstName: 1,
  lastName: 1,
  avatar: 1,
  bio: 1,
  statusText: 1,
  settings: 1,
  lastSeen: 1,
  erasedAt: 1,
  createdAt: 1,
} as const;

const schema = new Schema<UserDoc & { mfa?: MfaDoc }>(
  {
    username: { type: String, required: true },
    usernameKey: { type: String, required: true },
    email: { type: String, required: true },
    passwordHash: { type: String, required: true },
    firstName: { type: String, default: '' },
    lastName: { type: String, default: '' },
    avatar: { type: String, default: null },
    bio: { type: String, default: '' },
    statusText: { type: String, default: '' },
    role: { type: String, default: 'user' },
    isVerified: { type: Boolean, default: false },
    mfaEnabled: { type: Boolean, default: false },
    mfa: mfaField,
    settings: {
      type: new Schema({ lastSeen: { type: String, default: 'everyone' } }, { _id: false }),
      default: () => ({}),
    },
    lastSeen: { type: Date, default: null },
    lastLoginAt: { type: Date, default: null },
    erasedAt: { type: Date, default: null },
  },
  { timestamps: true, versionKey: false, collection: 'users' },
);
schema.index({ email: 1 }, { unique: true });
schema.index({ usernameKey: 1 }, { unique: true });
schema.index({ lastSeen: -1 });
schema.index({ mfaEnabled: 1, _id: 1 }, { partialFilterExpression: { mfaEnabled: true } });
schema.index({ firstName: 'text', lastName: 'text', username: 'text' }, { name: 'names_text' });

/** Accounts that are not erased. */
const present = { erasedAt: null };

export type ProfileChange = Partial<
  Pick<UserDoc, 'username' | 'firstName' | 'lastName' | 'bio' | 'statusText' | 'avatar'>
> & { settings?: Partial<UserSettings> };

/** Users: one document each; `email` and `usernameKey` are unique by index, which decides racing registrations. */
export function createUserModel(connection: Connection) {
  const model = connection.model<UserDoc>('User', schema);
  return {
    model,

    /** Rejects with a duplicate-key error when the name or the address is taken. */
    create: async (user: Omit<UserDoc, 'createdAt' | 'updatedAt'>): Promise<UserDoc> =>
      (await model.create(user)).toObject(),

    /** Also what is left of an erased account: see `erasedAt`. */
    findById: (id: string): Promise<UserDoc | null> => model.findById(toId(id)).lean<UserDoc>().exec(),

    findByLogin: (login: { email: string } | { usernameKey: string }): Promise<UserDoc | null> =>
      model
        .findOne({ ...login, ...present })
        .lean<UserDoc>()
        .exec(),

    findProfiles: (ids: readonly string[]): Promise<UserProfile[]> =>
      model
        .find({ _id: trusted({ $in: ids.map(toId) }) }, profileFields)
        .lean<UserProfile[]>()
        .exec(),

    /** Users whose username starts with `prefix`, whose name matches a word of it, or whose address is exactly it. */
    search: async (query: { text: string; except: string; limit: number }): Promise<UserProfile[]> => {
      const key = query.text.toLowerCase();
      const notMe = { _id: trusted({ $ne: toId(query.except) }) };
      const byKey = await model
        .find(
          {
            $or: [{ usernameKey: trusted({ $gte: key, $lt: `${key}\uffff` }) }, { email: key }],
            ...notMe,
            ...present,
          },
          profileFields,
        )
        .sort({ usernameKey: 1 })
        .limit(query.limit)
        .lean<UserProfile[]>()
        .exec();
      if (byKey.length >= query.limit) return byKey;
      const known = byKey.map((user) => user._id);
      const byName = await model
        .find(
          {
            $text: trusted({ $search: query.text }),
            _id: trusted({ $ne: toId(query.except), $nin: known }),
            ...present,
          },
          profileFields,
        )
        .limit(query.limit - byKey.length)
        .lean<UserProfile[]>()
        .exec();
      return [...byKey, ...byName];
    },

    /** False when the account is gone, its password is another than that of `user`, or MFA was off and is on. */
    touchLogin: async (
      user: Pick<UserDoc, '_id' | 'passwordHash' | 'mfaEnabled'>,
      at: Date,
    ): Promise<boolean> => {
      const { _id, passwordHash } = user;
      const stillOff = user.mfaEnabled ? {} : { mfaEnabled: trusted({ $ne: true }) };
      const result = await model.updateOne({ _id, passwordHash, ...stillOff }, { $set: { lastLoginAt: at } });
      return result.matchedCount === 1;
    },

    /** `from`: only while the password is still that one. False when it is not, or the account is gone. */
    changePassword: async (change: { _id: Id; from?: string; to: string }): Promise<boolean> => {
      const { _id, from, to } = change;
      const result = await model.updateOne(
        { _id, ...(from === undefined ? {} : { passwordHash: from }) },
        { $set: { passwordHash: to } },
      );
      return result.matchedCount === 1;
    },

    /** To an address that is proved. The account as it is then; null when it is gone. Rejects with a duplicate-key error. */
    changeEmail: (id: string, email: string): Promise<UserDoc | null> =>
      model
        .findOneAndUpdate(
          { _id: toId(id) },
          { $set: { email, isVerified: true } },
          { returnDocument: 'after' },
        )
        .lean<UserDoc>()
        .exec(),

    touchLastSeen: async (ids: readonly string[], at: Date): Promise<void> => {
      await model.updateMany(
        { _id: trusted({ $in: ids.map(toId) }), ...present },
        { $max: { lastSeen: at } },
      );
    },

    /**
     * Changes what is given, and answers the account before and after; null when it is gone. Rejects with a duplicate-key
     * error when the username is taken.
     */
    updateProfile: async (
      id: string,
      { settings = {}, ...fields }: ProfileChange,
    ): Promise<{ before: UserDoc; after: UserDoc } | null> => {
      const set: Partial<UserDoc> & Record<string, unknown> = { ...fields };
      if (fields.username !== undefined) set.usernameKey = fields.username.toLowerCase();
      for (const [name, choice] of Object.entries(settings)) set[`settings.${name}`] = choice;
      const filter = { _id: toId(id), ...present };
      const before = await model
        .findOneAndUpdate(filter, { $set: set }, { returnDocument: 'before' })
        .lean<UserDoc>()
        .exec();
      const after = before === null ? null : await model.findOne(filter).lean<UserDoc>().exec();
      return before === null || after === null ? null : { before, after };
    },
  };
}

export type UserModel = ReturnType<typeof createUserModel>;
