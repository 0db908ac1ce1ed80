import type { Actor, Origin } from '../contract/actor.js';
import type { LimitName } from '../config/limit-table.js';
import { AppError } from '../platform/errors/app-error.js';
import type { Limits } from '../platform/limits/limits.js';
import { spendAll, type GiveBack } from '../platform/limits/spend-all.js';
import { newId } from '../models/ids.js';
import type { UserDoc, UserModel } from '../models/user.model.js';
import type { Audit } from './audit.service.js';
import type { Passwords } from './password.js';
import type { SessionService } from './session.service.js';

/**
 * Proving who one is, without being guessed.
 *
 * Invariants: a try is taken before the secret is looked at, so parallel guesses can't outrun the count, and it is given
 * back when it was right. Whoever guesses from outside can't use up the tries of an owner at an address or in a session
 * of his, and a stolen session is no place to guess from either.
 */
export type ProofService = {
  /**
   * Takes one try at a secret of an account, by somebody who is not signed in, from the address and from the account.
   * `account`: its id, or what was typed when there is none, so that both are counted alike. Throws LIMITED.
   */
  takeTry(
    at: { secret: 'password' | 'code'; account: string; userId: string | null },
    origin: Origin,
  ): Promise<GiveBack>;
  /** Takes one try at a secret of the actor's own account. Throws LIMITED. */
  takeOwnTry(actor: Actor): Promise<GiveBack>;
  /**
   * The actor's password once more, before what a stolen session alone must not do. Answers the account; throws
   * INVALID_CREDENTIALS, LIMITED, or SESSION_REVOKED when the account is gone.
   */
  confirmPassword(actor: Actor, password: string, origin: Origin): Promise<UserDoc>;
};

/** Passwords and mailed codes have tries of their own. */
const rows = {
  password: { address: 'auth.address', account: 'auth.account', known: 'auth.known' },
  code: { address: 'code.address', account: 'code.account', known: 'code.known' },
} as const satisfies Record<string, Record<string, LimitName>>;

export type { GiveBack };

type Deps = {
  users: UserModel;
  sessions: SessionService;
  passwords: Passwords;
  limits: Limits<LimitName>;
  audit: Audit;
};

export function createProofService(deps: Deps): ProofService {
  const { users, sessions, passwords, limits, audit } = deps;

  const takeOwnTry = async ({ userId, sessionId }: Actor): Promise<GiveBack> => {
    try {
      return await spendAll(limits, [['auth.account', userId]]);
    } catch {
      return spendAll(limits, [['auth.known', `${userId}:${sessionId}`]]);
    }
  };

  return {
    takeOwnTry,

    takeTry: async ({ secret, account, userId }, { ip }) => {
      const row = rows[secret];
      try {
        return await spendAll(limits, [
          [row.address, ip],
          [row.account, account],
        ]);
      } catch (error) {
        // Asked of nobody when there is no such account: it takes as long.
        const known = await sessions.knowsAddress(userId ?? newId().toHexString(), ip);
        if (!known) throw error;
        return spendAll(limits, [[row.known, `${account}:${ip}`]]);
      }
    },

    confirmPassword: async (actor, password, origin) => {
      const user = await users.findById(actor.userId);
      if (user === null) throw new AppError('SESSION_REVOKED');
      const giveBack = await takeOwnTry(actor);
      if (!(await passwords.matches(password, user.passwordHash))) {
        await audit.record('login.failed', { userId: actor.userId, origin });
        throw new AppError('INVALID_CREDENTIALS', { message: 'The password is wrong.' });
      }
      await giveBack();
      return user;
    },
  };
}
