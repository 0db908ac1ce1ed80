import { action, openAction, type Action, type Reply } from '../platform/actions/action.js';
import { AppError } from '../platform/errors/app-error.js';
import type { AuthService } from '../services/auth.service.js';
import type { SignedIn } from '../services/signin.service.js';
import { TRUSTED_SECONDS } from '../services/trusted-device.service.js';
import { loginInput, nothing, sessionRef } from '../validators/auth.validator.js';

export type AuthActions = Record<
  'login' | 'refresh' | 'logout' | 'logoutAll' | 'me' | 'sessions' | 'endSession',
  Action
>;

export function createAuthActions(auth: AuthService): AuthActions {
  return {
    login: openAction(loginInput, async ({ input, origin }) =>
      signedIn('Signed in.', await auth.login(input, origin)),
    ),
    refresh: openAction(nothing, async ({ origin }) => {
      const { accessToken, refreshToken } = await auth.refresh(origin.refreshToken, origin);
      return {
        message: 'Session refreshed.',
        data: {},
        session: { kind: 'opened', accessToken, refreshToken, bearerToken: null },
      };
    }),
    logout: openAction(nothing, async ({ actor, origin }) => {
      if (actor === null && origin.refreshToken === null) throw new AppError('UNAUTHENTICATED');
      await auth.logout(actor, origin.refreshToken);
      return { message: 'Signed out.', data: {}, session: { kind: 'closed' } };
    }),
    logoutAll: action(nothing, async ({ actor }) => {
      await auth.logoutAll(actor);
      return { message: 'Signed out everywhere.', data: {}, session: { kind: 'closed' } };
    }),
    me: action(nothing, async ({ actor }) => ({
      message: 'Your account.',
      data: { user: await auth.me(actor) },
    })),
    sessions: action(nothing, async ({ actor }) => ({
      message: 'Your sessions.',
      data: { sessions: await auth.sessions(actor) },
    })),
    endSession: action(sessionRef, async ({ actor, input }) => {
      await auth.endSession(actor, input.id);
      return { message: 'Session ended.', data: {} };
    }),
  };
}

/** The answer to every way in: the user, and the tokens for the door to deliver. */
export function signedIn(message: string, signedIn: SignedIn): Reply {
  const { user, session, deviceToken, trustedDevice } = signedIn;
  const { accessToken, refreshToken, bearerToken } = session;
  const trusted =
    trustedDevice === undefined
      ? {}
      : { trustedDevice: { token: trustedDevice, ttlSeconds: TRUSTED_SECONDS } };
  return {
    message,
    data: { user },
    session: { kind: 'opened', accessToken, refreshToken, bearerToken, deviceToken, ...trusted },
  };
}
