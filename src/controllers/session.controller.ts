import { action, type Action } from '../platform/actions/action.js';
import { AppError } from '../platform/errors/app-error.js';
import type { Actor } from '../contract/actor.js';
import { tokenInput } from '../validators/auth.validator.js';

export type SessionActions = { refresh: Action };

type Deps = {
  authenticate: (token: string) => Promise<{ actor: Actor; expiresAtMs: number }>;
  /** Lets the sockets of a session live until the token's end. */
  prolong: (session: { sessionId: string; userId: string; expiresAtMs: number }) => void;
};

/** A socket's own session: a fresh token prolongs it. */
export function createSessionActions({ authenticate, prolong }: Deps): SessionActions {
  return {
    refresh: action(tokenInput, async ({ actor, input }) => {
      const fresh = await authenticate(input.token);
      if (fresh.actor.sessionId !== actor.sessionId) {
        throw new AppError('FORBIDDEN', { message: 'This token belongs to another session.' });
      }
      prolong({ sessionId: actor.sessionId, userId: actor.userId, expiresAtMs: fresh.expiresAtMs });
      return {
        message: 'Session prolonged.',
        data: { expiresAt: new Date(fresh.expiresAtMs).toISOString() },
      };
    }),
  };
}
