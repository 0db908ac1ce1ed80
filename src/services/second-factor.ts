import { createHash } from 'node:crypto';
import type { Origin } from '../contract/actor.js';
import type { SealedBox } from '../platform/crypto/sealed-box.js';
import { AppError } from '../platform/errors/app-error.js';
import type { Logger } from '../platform/logging/logger.js';
import type { MfaModel } from '../models/mfa.model.js';
import type { MfaDoc } from '../models/mfa.schema.js';
import type { UserDoc } from '../models/user.model.js';
import type { Audit } from './audit.service.js';
import type { MfaTries } from './mfa-tries.js';
import { hashRecoveryCode } from './recovery-codes.js';
import type { Totp } from './totp.js';

/**
 * The second factor, looked at: by every door that asks for it, here alone.
 *
 * Invariants: a code is taken once, whichever nodes it is shown to at the same moment, and so is a recovery code: the
 * database decides. A secret is in clear in memory only, while it is looked at.
 */
export type SecondFactor = {
  /**
   * Answers the secret that was proved, null when the code is wrong, was used before, or MFA is off. Throws LIMITED, and
   * UNAVAILABLE when the key that opens the secret is gone.
   */
  prove(attempt: Attempt): Promise<MfaDoc | null>;
};

/** Either a code of the authenticator or a recovery code. */
export type Given = { kind: 'code' | 'recovery'; text: string };

export type Attempt = {
  userId: string;
  given: Given;
  origin: Origin;
  /** Of somebody who is signed in. */
  sessionId: string | null;
  /** Runs when the code is right and before it is used up, which it is not when this throws. */
  beforeUse?: () => Promise<void>;
};

type Deps = {
  mfa: MfaModel;
  tries: MfaTries;
  totp: Totp;
  box: SealedBox;
  audit: Audit;
  logger: Logger;
};

/** Uses up what was found right; false when somebody else was faster. */
type Use = () => Promise<boolean>;

export function createSecondFactor(deps: Deps): SecondFactor {
  const { mfa, tries, totp, box, audit, logger } = deps;

  function open(userId: string, { secret }: MfaDoc): string {
    try {
      return box.open(secret, mfaContext(userId));
    } catch (cause) {
      logger.error('the key that sealed the secret of a two-step sign-in is not in DATA_ENCRYPTION_KEY', {
        userId,
      });
      throw new AppError('UNAVAILABLE', {
        message: 'Codes of authenticators cannot be checked at present. A recovery code can.',
        cause,
      });
    }
  }

  function judgeCode(userId: string, stored: MfaDoc, code: string): Use | null {
    const secret = open(userId, stored);
    const step = totp.stepOf(secret, code);
    if (step === null || step <= stored.lastStep) return null;
    const anew = box.isCurrent(stored.secret) ? {} : { secret: box.seal(secret, mfaContext(userId)) };
    return () => mfa.takeStep({ userId, setupId: stored.setupId }, { step, ...anew });
  }

  function judgeRecoveryCode({ userId, origin }: Attempt, stored: MfaDoc, text: string): Use | null {
    const hash = hashRecoveryCode(userId, text);
    if (!stored.recovery.includes(hash)) return null;
    return async () => {
      const left = await mfa.takeRecoveryCode({ userId, setupId: stored.setupId }, hash);
      if (left === null) return false;
      await audit.record('mfa.recovery-used', { userId, origin, details: { left: String(left) } });
      return true;
    };
  }

  async function attemptOnce(attempt: Attempt): Promise<MfaDoc | null> {
    const { userId, given } = attempt;
    const stored = await mfa.find(userId);
    if (stored === null) return null;
    const use =
      given.kind === 'code'
        ? judgeCode(userId, stored, given.text)
        : judgeRecoveryCode(attempt, stored, given.text);
    if (use === null) return null;
    await attempt.beforeUse?.();
    return (await use()) ? stored : null;
  }

  return {
    prove: async (attempt) => {
      const { userId, given, origin, sessionId } = attempt;
      const giveBack = await tries.take({ kind: given.kind, userId, origin, sessionId });
      let proved: MfaDoc | null;
      try {
        proved = await attemptOnce(attempt);
      } catch (error) {
        // Nothing was found wrong.
        await giveBack();
        throw error;
      }
      if (proved === null) await audit.record('mfa.failed', { userId, origin });
      else await giveBack();
      return proved;
    },
  };
}

/** What a secret of this user is sealed for. */
export const mfaContext = (userId: string): string => `mfa:${userId}`;

/**
 * What a first step or a trusted device rests on, as text to compare by: it differs as soon as the password or the secret
 * is another, and tells nothing of either.
 */
export function standingOf(user: Pick<UserDoc, '_id' | 'passwordHash'>, { setupId }: MfaDoc): string {
  const of = ['standing', user._id.toHexString(), user.passwordHash, setupId];
  return createHash('sha256').update(of.join('\n')).digest('base64url');
}

/** Of two optional fields that exclude each other. */
export function givenOf(code: string | undefined, recoveryCode: string | undefined): Given | null {
  if (code !== undefined) return { kind: 'code', text: code };
  return recoveryCode === undefined ? null : { kind: 'recovery', text: recoveryCode };
}
