import type { Dialect, Origin } from '../contract/actor.js';
import type { OwnUser } from '../contract/views.js';
import type { Clock } from '../platform/clock/clock.js';
import type { UserDoc, UserModel } from '../models/user.model.js';
import { presentOwnUser } from '../presenters/user.presenter.js';
import type { Audit } from './audit.service.js';
import { OFFLINE, type PresenceService } from './presence.service.js';
import type { OpenedSession, SessionService } from './session.service.js';

/**
 * The last step of every way in, once it is proved who comes: a session is opened, the sign-in written down.
 * Whoever calls it has done the proving.
 */
export type SignInService = {
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
      await users.touchLogin(session.userId, at);
      await audit.record('login', { userId: session.userId, origin });
      return { user: await ownView({ ...user, lastLoginAt: at }), session };
    },
  };
}
