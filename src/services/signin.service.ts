import type { Dialect, Origin } from '../contract/actor.js';
import type { OwnUser } from '../contract/views.js';
import type { Clock } from '../platform/clock/clock.js';
import { AppError } from '../platform/errors/app-error.js';
import type { UserDoc, UserModel } from '../models/user.model.js';
import { presentOwnUser } from '../presenters/user.presenter.js';
import type { Audit } from './audit.service.js';
import { OFFLINE, type PresenceService } from './presence.service.js';
import type { OpenedSession, SessionService } from './session.service.js';

/**
 * The last step of every way in, once it is proved who comes: a session is opened, the sign-in written down.
 * Whoever calls it has done the proving.
 *
 * Invariant: no session outlives a change of the password it rests on. Whoever changes a password writes it before he
 * ends the sessions, and here it is looked at after the session is there: one of the two sees the other.
 */
export type SignInService = {
  /**
   * `user`: as read when the password was proved. Throws INVALID_CREDENTIALS when it has been changed since.
   */
  signIn(user: UserDoc, origin: Origin, how?: { dialect?: Dialect }): Promise<SignedIn>;
  /** The user as he sees himself. */
  ownView(user: UserDoc): Promise<OwnUser>;
};

export type SignedIn = { user: OwnUser; session: OpenedSession };

type Deps = {
  users: UserModel;
  sessions: SessionService;
  presence: PresenceService;
  audit: Audit;
  clock: Clock;
};

export function createSignInService({ users, sessions, presence, audit, clock }: Deps): SignInService {
  async function ownView(user: UserDoc): Promise<OwnUser> {
    const id = user._id.toHexString();
    const state = (await presence.states([id])).get(id) ?? OFFLINE;
    return presentOwnUser(user, { ...state, lastSeen: user.lastSeen?.toISOString() ?? null });
  }

  return {
    ownView,
    signIn: async (user, origin, { dialect = 'canonical' } = {}) => {
      const at = new Date(clock());
      const session = await sessions.open(user, dialect, origin);
      if (!(await users.touchLogin(user, at))) {
        await sessions.end(session.sessionId, session.userId, 'the password was changed meanwhile');
        throw new AppError('INVALID_CREDENTIALS');
      }
      await audit.record('login', { userId: session.userId, origin });
      return { user: await ownView({ ...user, lastLoginAt: at }), session };
    },
  };
}
