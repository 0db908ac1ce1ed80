import type { Actor, Origin } from '../contract/actor.js';
import type { ChangeEmailInput, ChangePasswordInput } from '../contract/inputs.js';
import type { CodeSent, OwnUser } from '../contract/views.js';
import type { LimitName } from '../config/limit-table.js';
import type { Afterwards } from '../platform/background/afterwards.js';
import type { Clock } from '../platform/clock/clock.js';
import { AppError, invalid } from '../platform/errors/app-error.js';
import type { Limits } from '../platform/limits/limits.js';
import { readUserAgent } from '../platform/user-agents/user-agent.js';
import { isDuplicateKey } from '../models/ids.js';
import type { UserModel } from '../models/user.model.js';
import type { Audit } from './audit.service.js';
import { codeSent, type CodePauses } from './code-pause.js';
import type { Mailer } from './mail.service.js';
import type { OneTimeCodes } from './one-time-code.js';
import { assertUncommon, type Passwords } from './password.js';
import type { PasswordChanges } from './password-change.js';
import type { GiveBack, ProofService } from './proof.service.js';
import type { SignInService } from './signin.service.js';

/**
 * What a signed-in person changes of how he is known: password and address.
 *
 * Invariants: a stolen session alone changes neither, and is no place to guess the password from. An address is changed
 * when its mailbox has proved itself, for the account that asked and no other; asking tells nothing of whose it is, and
 * the unique index decides when two prove the same.
 */
export type CredentialsService = {
  /** All other sessions end. Throws INVALID_CREDENTIALS, VALIDATION_FAILED, LIMITED. */
  changePassword(actor: Actor, input: ChangePasswordInput, origin: Origin): Promise<void>;
  /** Throws INVALID_CREDENTIALS, VALIDATION_FAILED, LIMITED. */
  changeEmail(actor: Actor, input: ChangeEmailInput, origin: Origin): Promise<CodeSent>;
  /** Throws INVALID_CREDENTIALS, EXPIRED, LIMITED; TAKEN when it is somebody's by now. */
  verifyEmail(actor: Actor, otp: string, origin: Origin): Promise<OwnUser>;
};

/** The address that waits for the code, and the one to be told. */
export type PendingEmail = { newEmail: string; oldEmail: string };

type Deps = {
  users: UserModel;
  signin: SignInService;
  passwords: Passwords;
  changes: PasswordChanges;
  proof: ProofService;
  codes: OneTimeCodes<PendingEmail>;
  pauses: CodePauses;
  mailer: Mailer;
  afterwards: Afterwards;
  limits: Limits<LimitName>;
  audit: Audit;
  clock: Clock;
};

export const CHANGE_EMAIL_CODE_SECONDS = 600;

export function createCredentialsService(deps: Deps): CredentialsService {
  const { users, proof, codes, pauses, mailer, limits, audit } = deps;

  /** Only sessions of the account itself can try, so its codes have an allowance of their own. */
  async function takeCodeTry({ userId }: Actor): Promise<GiveBack> {
    await limits.spend('code.account', userId);
    return () => limits.refund('code.account', userId);
  }

  return {
    changePassword: async (actor, { currentPassword, newPassword }, origin) => {
      assertUncommon(deps.passwords, { newPassword });
      const user = await proof.confirmPassword(actor, currentPassword, origin);
      if (newPassword === currentPassword) {
        throw invalid({ field: 'newPassword', message: 'must differ from the present one' });
      }
      const spare = { sessionId: actor.sessionId };
      await deps.changes.change(user, newPassword, { event: 'password.changed', origin, spare });
    },

    changeEmail: async (actor, { newEmail, password }, origin) => {
      const user = await proof.confirmPassword(actor, password, origin);
      if (newEmail === user.email) {
        throw invalid({ field: 'newEmail', message: 'is your address already' });
      }
      await pauses.ask(actor.userId);
      await pauses.begin({ subject: actor.userId, receiver: newEmail });
      const code = await codes.issue(actor.userId, { newEmail, oldEmail: user.email });
      deps.afterwards.run('a code for a new address', async () => {
        // Its owner has nothing to prove, and need not hear that somebody mistyped his own.
        if ((await users.findByLogin({ email: newEmail })) !== null) return;
        await mailer.send({
          to: newEmail,
          template: 'change-email',
          vars: { name: user.username, code, minutes: CHANGE_EMAIL_CODE_SECONDS / 60 },
          language: origin.language,
        });
      });
      return codeSent(newEmail, CHANGE_EMAIL_CODE_SECONDS);
    },

    verifyEmail: async (actor, otp, origin) => {
      const { userId } = actor;
      const attempt = { subject: userId, code: otp, takeTry: () => takeCodeTry(actor) };
      const { user, oldEmail } = await codes.redeem(attempt, async (pending) => {
        const user = await users.changeEmail(userId, pending.newEmail).catch((error: unknown) => {
          throw isDuplicateKey(error) ? emailTaken() : error;
        });
        if (user === null) throw new AppError('SESSION_REVOKED');
        return { user, oldEmail: pending.oldEmail };
      });
      await audit.record('email.changed', { userId, origin });
      await mailer.send({
        to: oldEmail,
        template: 'email-changed',
        vars: {
          name: user.username,
          at: new Date(deps.clock()).toISOString(),
          device: readUserAgent(origin.userAgent).name,
        },
        language: origin.language,
      });
      return deps.signin.ownView(user);
    },
  };
}

function emailTaken(): AppError {
  return new AppError('TAKEN', {
    message: 'This e-mail address is taken already.',
    details: [{ field: 'newEmail', message: 'is taken already' }],
  });
}
