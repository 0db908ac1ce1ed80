import type { Origin } from '../contract/actor.js';
import type { ResetPasswordInput } from '../contract/inputs.js';
import type { CodeSent } from '../contract/views.js';
import type { Afterwards } from '../platform/background/afterwards.js';
import { AppError } from '../platform/errors/app-error.js';
import { newId } from '../models/ids.js';
import type { UserDoc, UserModel } from '../models/user.model.js';
import { codeSent, type CodePauses } from './code-pause.js';
import type { Mailer } from './mail.service.js';
import type { OneTimeCodes } from './one-time-code.js';
import { assertUncommon, type Passwords } from './password.js';
import type { PasswordChanges } from './password-change.js';
import type { ProofService } from './proof.service.js';
import type { SessionService } from './session.service.js';

/**
 * A forgotten password.
 *
 * Invariants: nobody learns from an answer, its status or its time whether there is an account. Strangers who ask for
 * codes or guess at them use up what strangers have: whoever comes from an address where the account has a session has a
 * pause, mails and tries of his own. A reset changes the password and ends the sessions, and nothing else: what stands
 * beside the password (two-step sign-in) stays.
 */
export type PasswordResetService = {
  /** Throws LIMITED when this address has asked too often. */
  forgot(email: string, origin: Origin): Promise<CodeSent>;
  /** Throws INVALID_CREDENTIALS, EXPIRED, LIMITED, VALIDATION_FAILED. */
  reset(input: ResetPasswordInput, origin: Origin): Promise<void>;
};

/** Whose password waits for the code. */
export type PendingReset = { userId: string };

type Deps = {
  users: UserModel;
  sessions: SessionService;
  passwords: Passwords;
  changes: PasswordChanges;
  proof: ProofService;
  codes: OneTimeCodes<PendingReset>;
  pauses: CodePauses;
  mailer: Mailer;
  afterwards: Afterwards;
};

export const RESET_CODE_SECONDS = 600;

export function createPasswordResetService(deps: Deps): PasswordResetService {
  const { users, sessions, codes } = deps;

  /** Who shares tries and pauses: strangers, or those at an address that the account lives at. Asked of nobody, it takes as long. */
  async function laneOf(user: UserDoc | null, { ip }: Origin): Promise<string> {
    const id = user?._id ?? newId();
    return (await sessions.knowsAddress(id.toHexString(), ip)) ? ip : '';
  }

  async function sendCode(email: string, origin: Origin): Promise<void> {
    const user = await users.findByLogin({ email });
    const subject = `${email}:${await laneOf(user, origin)}`;
    await deps.pauses.begin({ subject, receiver: subject });
    const code = await codes.issue(email, user === null ? null : { userId: user._id.toHexString() });
    if (user === null) return;
    await deps.mailer.send({
      to: user.email,
      template: 'reset-password',
      vars: { name: user.username, code, minutes: RESET_CODE_SECONDS / 60 },
      language: origin.language,
    });
  }

  return {
    forgot: async (email, origin) => {
      await deps.pauses.ask(origin.ip);
      deps.afterwards.run('a code for a new password', () =>
        sendCode(email, origin).catch((error: unknown) => {
          // Too soon or too many: nobody is to know, and the code sent before is still good.
          if (!(error instanceof AppError && error.code === 'LIMITED')) throw error;
        }),
      );
      return codeSent(email, RESET_CODE_SECONDS);
    },

    reset: async ({ email, otp, newPassword }, origin) => {
      assertUncommon(deps.passwords, { newPassword });
      const user = await users.findByLogin({ email });
      const lane = await laneOf(user, origin);
      const userId = user?._id.toHexString() ?? null;
      const takeTry = () => deps.proof.takeTry({ secret: 'code', account: email, userId }, origin);
      await codes.redeem({ subject: email, code: otp, lane, takeTry }, async (pending) => {
        // The address may have gone to somebody else since the code was sent.
        if (user === null || pending.userId !== userId) throw new AppError('EXPIRED');
        await deps.changes.change(user, newPassword, { event: 'password.reset', origin });
      });
    },
  };
}
