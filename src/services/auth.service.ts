import type { Actor, Origin } from '../contract/actor.js';
import type { LoginInput } from '../contract/inputs.js';
import type { OwnUser, SessionView } from '../contract/views.js';
import type { LimitName } from '../config/limit-table.js';
import { AppError, notFound } from '../platform/errors/app-error.js';
import type { Limits } from '../platform/limits/limits.js';
import type { UserModel } from '../models/user.model.js';
import { presentSession } from '../presenters/session.presenter.js';
import type { Audit } from './audit.service.js';
import type { MfaLogin } from './mfa-login.service.js';
import type { Passwords } from './password.js';
import type { ProofService } from './proof.service.js';
import type { OpenedSession, SessionService } from './session.service.js';
import type { SignedIn, SignInService } from './signin.service.js';
import type { TrustedDevices } from './trusted-device.service.js';

/**
 * Accounts: coming in, going out.
 *
 * Invariants: a wrong name and a wrong password are one answer, in body and in time, and so is a wrong code that comes with
 * them. Failures are counted by address and
 * by account, and an account under attack stays open to its owner at the addresses he uses. Nothing here trusts an id
 * from a request: the subject is the session.
 */
export type AuthService = {
  /** Throws INVALID_CREDENTIALS, LIMITED; MFA_REQUIRED, with `mfaTicket` for the second step, when no code came. */
  login(input: LoginInput, origin: Origin): Promise<SignedIn>;
  refresh(refreshToken: string | null, origin: Origin): Promise<OpenedSession>;
  /** Ends the session of the actor, or else that of the refresh cookie (the access cookie may have expired first). */
  logout(actor: Actor | null, refreshToken: string | null): Promise<void>;
  logoutAll(actor: Actor): Promise<void>;
  me(actor: Actor): Promise<OwnUser>;
  sessions(actor: Actor): Promise<SessionView[]>;
  endSession(actor: Actor, sessionId: string): Promise<void>;
};

type Deps = {
  users: UserModel;
  sessions: SessionService;
  signin: SignInService;
  passwords: Passwords;
  mfaLogin: MfaLogin;
  devices: TrustedDevices;
  proof: ProofService;
  limits: Limits<LimitName>;
  audit: Audit;
};

export function createAuthService(deps: Deps): AuthService {
  const { users, sessions, passwords, limits, proof, signin, mfaLogin, devices, audit } = deps;

  return {
    login: async (input, origin) => {
      const login =
        input.email === undefined
          ? { usernameKey: (input.username ?? '').toLowerCase() }
          : { email: input.email };
      const account = 'email' in login ? login.email : login.usernameKey;
      const user = await users.findByLogin(login);
      const userId = user?._id.toHexString() ?? null;
      const giveBack = await proof.takeTry(
        { secret: 'password', account: userId ?? account, userId },
        origin,
      );
      const right = await passwords.matches(input.password, user?.passwordHash ?? null);
      if (user === null || !right) {
        await audit.record('login.failed', { userId, origin });
        throw wrong(input);
      }
      const step = await mfaLogin.second(user, input, origin).catch(async (error: unknown) => {
        await giveBack();
        throw error;
      });
      if (step.kind === 'wrong') throw wrong(input);
      await giveBack();
      if (step.kind === 'required') {
        throw new AppError('MFA_REQUIRED', { fields: { mfaTicket: step.mfaTicket } });
      }
      return mfaLogin.enter(user, step, { origin, client: input });
    },

    refresh: async (refreshToken, origin) => {
      await limits.spend('auth.refresh', origin.ip);
      if (refreshToken === null) throw new AppError('UNAUTHENTICATED');
      return sessions.refresh(refreshToken);
    },

    logout: async (actor, refreshToken) => {
      const subject = actor ?? (refreshToken === null ? null : sessions.ofRefreshToken(refreshToken));
      if (subject !== null) await sessions.end(subject.sessionId, subject.userId, 'logout');
    },

    logoutAll: async (actor) => {
      await sessions.endAll(actor.userId, 'logout everywhere');
      await devices.forgetTrusted(actor.userId);
    },

    me: async (actor) => {
      const user = await users.findById(actor.userId);
      if (user === null) throw new AppError('SESSION_REVOKED');
      return signin.ownView(user);
    },

    sessions: async (actor) =>
      (await sessions.list(actor.userId)).map((session) => presentSession(session, actor.sessionId)),

    endSession: async (actor, sessionId) => {
      if (!(await sessions.end(sessionId, actor.userId, 'ended by its owner'))) throw notFound('session');
      // From afar it is the device that is no longer wanted.
      if (sessionId !== actor.sessionId) await devices.forgetOne(actor.userId, { session: sessionId });
    },
  };
}

/** Depends on what was given, never on which part of it was wrong. */
function wrong({ mfaCode, recoveryCode }: LoginInput): AppError {
  return mfaCode === undefined && recoveryCode === undefined
    ? new AppError('INVALID_CREDENTIALS')
    : new AppError('INVALID_CREDENTIALS', { message: 'The name, the password or the code is wrong.' });
}
