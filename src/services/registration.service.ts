import type { Origin } from '../contract/actor.js';
import type { RegisterInput, VerifyEmailInput } from '../contract/inputs.js';
import type { CodeSent } from '../contract/views.js';
import type { LimitName } from '../config/limit-table.js';
import type { Afterwards } from '../platform/background/afterwards.js';
import { AppError } from '../platform/errors/app-error.js';
import type { Limits } from '../platform/limits/limits.js';
import { duplicateField, newId, toId } from '../models/ids.js';
import type { UserDoc, UserModel } from '../models/user.model.js';
import type { Audit } from './audit.service.js';
import { codeSent, type CodePauses } from './code-pause.js';
import type { Mailer } from './mail.service.js';
import type { OneTimeCodes } from './one-time-code.js';
import { assertUncommon, type Passwords } from './password.js';
import type { ProofService } from './proof.service.js';
import type { SignedIn, SignInService } from './signin.service.js';

/**
 * New accounts.
 *
 * Invariants: where addresses are verified nothing is in the database before the code of the mail is; each code belongs to
 * one registration with its password, so a code of one can't confirm the other's, and the mail names the username it
 * confirms. The unique indexes decide between registrations at the same moment. With disclosure `silent` every answer is
 * the same, in body and in time, whether or not the address has an account; usernames are public and may be told of.
 */
export type RegistrationService = {
  /** Throws TAKEN, LIMITED, VALIDATION_FAILED. What is answered depends on whether addresses are verified. */
  register(input: RegisterInput, origin: Origin): Promise<Registered>;
  /** Throws INVALID_CREDENTIALS, EXPIRED, LIMITED; TAKEN when the username or the address was taken meanwhile. */
  verify(input: VerifyEmailInput, origin: Origin): Promise<SignedIn>;
  /** Another code for the registration that waits, if any does. Throws LIMITED. */
  resend(email: string, origin: Origin): Promise<CodeSent>;
};

export type Registered = { kind: 'signed in'; signedIn: SignedIn } | { kind: 'code sent'; sent: CodeSent };

/** What waits for the code. The id is that of the account to be, so that a second try knows its own first. */
export type PendingRegistration = {
  userId: string;
  username: string;
  email: string;
  passwordHash: string;
  firstName: string;
  lastName: string;
};

type Deps = {
  users: UserModel;
  signin: SignInService;
  passwords: Passwords;
  proof: ProofService;
  codes: OneTimeCodes<PendingRegistration>;
  pauses: CodePauses;
  mailer: Mailer;
  afterwards: Afterwards;
  limits: Limits<LimitName>;
  audit: Audit;
  emailVerification: boolean;
  disclosure: 'open' | 'silent';
};

/** How long a pending registration and its code live. */
export const REGISTER_CODE_SECONDS = 300;

export function createRegistrationService(deps: Deps): RegistrationService {
  const { users, signin, passwords, proof, codes, pauses, mailer, afterwards, limits, audit } = deps;

  async function pendingOf(input: RegisterInput): Promise<PendingRegistration> {
    return {
      userId: newId().toHexString(),
      username: input.username,
      email: input.email,
      passwordHash: await passwords.hash(input.password),
      firstName: input.firstName ?? '',
      lastName: input.lastName ?? '',
    };
  }

  /** Throws TAKEN. A repetition of what was stored but not acknowledged finds it. */
  async function create(pending: PendingRegistration, isVerified: boolean, origin: Origin): Promise<UserDoc> {
    const { userId, username, email, passwordHash, firstName, lastName } = pending;
    try {
      const user = await users.create({
        ...{ _id: toId(userId), username, usernameKey: username.toLowerCase() },
        ...{ email, passwordHash, firstName, lastName, isVerified },
        avatar: null,
        bio: '',
        role: 'user',
        mfaEnabled: false,
        settings: { lastSeen: 'everyone' },
        lastSeen: null,
        lastLoginAt: null,
      });
      await audit.record('account.created', { userId, origin });
      return user;
    } catch (error) {
      const field = duplicateField(error);
      if (field === null) throw error;
      const stored = await users.findById(userId);
      if (stored !== null) return stored;
      throw taken(field === 'email' ? 'email' : 'username');
    }
  }

  /** Asking for what is taken is a failure: it is how one would find out who has an account. */
  async function countingTaken<T>(origin: Origin, run: () => Promise<T>): Promise<T> {
    await limits.assertLeft('auth.address', origin.ip);
    try {
      return await run();
    } catch (error) {
      if (error instanceof AppError && error.code === 'TAKEN') await limits.count('auth.address', origin.ip);
      throw error;
    }
  }

  async function pause(email: string, { ip }: Origin): Promise<void> {
    await pauses.ask(ip);
    await pauses.begin({ subject: email, receiver: email });
  }

  async function sendCode(pending: PendingRegistration, code: string, origin: Origin): Promise<void> {
    await mailer.send({
      to: pending.email,
      template: 'verify-email',
      // The username, not the name: who writes to strangers in our name gets 30 plain characters to do it with.
      vars: { name: pending.username, code, minutes: REGISTER_CODE_SECONDS / 60 },
      language: origin.language,
    });
  }

  async function begin(input: RegisterInput, origin: Origin): Promise<CodeSent> {
    const [named, owner] = await Promise.all([
      users.findByLogin({ usernameKey: input.username.toLowerCase() }),
      users.findByLogin({ email: input.email }),
    ]);
    if (named !== null) throw taken('username');
    if (owner !== null && deps.disclosure === 'open') throw taken('email');
    await pause(input.email, origin);
    const pending = await pendingOf(input);
    const code = await codes.issue(input.email, owner === null ? pending : null);
    afterwards.run('mail of a registration', () =>
      owner === null
        ? sendCode(pending, code, origin)
        : mailer.send({
            to: owner.email,
            template: 'already-registered',
            vars: { name: owner.username },
            language: origin.language,
          }),
    );
    return codeSent(input.email, REGISTER_CODE_SECONDS);
  }

  return {
    register: async (input, origin) => {
      assertUncommon(passwords, { password: input.password });
      return countingTaken(origin, async () => {
        if (deps.emailVerification) return { kind: 'code sent', sent: await begin(input, origin) };
        const user = await create(await pendingOf(input), false, origin);
        return { kind: 'signed in', signedIn: await signin.signIn(user, origin, input) };
      });
    },

    verify: async ({ email, otp, ...client }, origin) => {
      const takeTry = () => proof.takeTry({ secret: 'code', account: email, userId: null }, origin);
      const user = await codes.redeem({ subject: email, code: otp, takeTry }, (pending) =>
        // Whatever comes of it, the mailbox is theirs: they may register anew at once.
        create(pending, true, origin).finally(() => pauses.end(email)),
      );
      return signin.signIn(user, origin, client);
    },

    resend: async (email, origin) => {
      await pause(email, origin);
      afterwards.run('another code for a registration', async () => {
        const renewed = await codes.renew(email);
        if (renewed !== null) await sendCode(renewed.payload, renewed.code, origin);
      });
      return codeSent(email, REGISTER_CODE_SECONDS);
    },
  };
}

function taken(field: 'email' | 'username'): AppError {
  const what = field === 'email' ? 'e-mail address' : 'username';
  return new AppError('TAKEN', {
    message: `This ${what} is taken already.`,
    details: [{ field, message: 'is taken already' }],
  });
}
