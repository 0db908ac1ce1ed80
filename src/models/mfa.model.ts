import { trusted } from 'mongoose';
import { toId, type Id } from './ids.js';
import type { MfaDoc } from './mfa.schema.js';
import type { UserModel } from './user.model.js';

/** One user's secret, as it was read. */
type Of = { userId: string; setupId: string };

/** Two-step sign-in, inside the documents of users. Every change is one write that decides between parallel ones. */
export function createMfaModel({ model }: Pick<UserModel, 'model'>) {
  const on = ({ userId, setupId }: Of) => ({
    _id: toId(userId),
    mfaEnabled: true,
    'mfa.setupId': setupId,
  });

  return {
    /** Null when it is off. */
    find: async (userId: string): Promise<MfaDoc | null> => {
      const found = await model
        .findOne({ _id: toId(userId), mfaEnabled: true }, { mfa: 1 })
        .lean<{ mfa?: MfaDoc }>()
        .exec();
      return found?.mfa ?? null;
    },

    /** False when it was on already, or the account is gone. */
    enable: async (userId: string, mfa: MfaDoc): Promise<boolean> => {
      const off = { _id: toId(userId), mfaEnabled: trusted({ $ne: true }) };
      const result = await model.updateOne(off, { $set: { mfaEnabled: true, mfa } });
      return result.matchedCount === 1;
    },

    /** True for the first caller with this step or a later one. `secret`: sealed anew. */
    takeStep: async (of: Of, { step, secret }: { step: number; secret?: string }): Promise<boolean> => {
      const result = await model.updateOne(
        { ...on(of), 'mfa.lastStep': trusted({ $lt: step }) },
        { $set: { 'mfa.lastStep': step, ...(secret === undefined ? {} : { 'mfa.secret': secret }) } },
      );
      return result.matchedCount === 1;
    },

    /** How many are left, for the one caller who takes this code; null for all others. */
    takeRecoveryCode: async (of: Of, hash: string): Promise<number | null> => {
      const left = await model
        .findOneAndUpdate(
          { ...on(of), 'mfa.recovery': hash },
          { $pull: { 'mfa.recovery': hash } },
          { returnDocument: 'after', projection: { mfa: 1 } },
        )
        .lean<{ mfa?: MfaDoc }>()
        .exec();
      return left === null ? null : (left.mfa?.recovery.length ?? 0);
    },

    replaceRecoveryCodes: async (of: Of, hashes: string[]): Promise<boolean> =>
      (await model.updateOne(on(of), { $set: { 'mfa.recovery': hashes } })).matchedCount === 1,

    disable: async (of: Of): Promise<boolean> => {
      const result = await model.updateOne(on(of), { $set: { mfaEnabled: false }, $unset: { mfa: 1 } });
      return result.matchedCount === 1;
    },

    /** Everybody's secrets, page by page in the order of ids. */
    page: async (after: Id | null, limit: number): Promise<{ _id: Id; mfa?: MfaDoc }[]> =>
      model
        .find(
          { mfaEnabled: true, ...(after === null ? {} : { _id: trusted({ $gt: after }) }) },
          { 'mfa.setupId': 1, 'mfa.secret': 1 },
        )
        .sort({ _id: 1 })
        .limit(limit)
        .lean<{ _id: Id; mfa?: MfaDoc }[]>()
        .exec(),

    /** Only while it still is the secret that was sealed anew. */
    reseal: async (of: Of, change: { from: string; to: string }): Promise<void> => {
      await model.updateOne({ ...on(of), 'mfa.secret': change.from }, { $set: { 'mfa.secret': change.to } });
    },
  };
}

export type MfaModel = ReturnType<typeof createMfaModel>;
