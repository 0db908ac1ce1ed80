import type { TokenView } from '../contract/views.js';
import { AppError } from '../platform/errors/app-error.js';
import type { SessionService } from './session.service.js';
import type { TokenService } from './token.service.js';
import type { UserService } from './user.service.js';

/**
 * What a token is worth, for services beside this one that are handed one of ours.
 *
 * Invariants: whatever is not good here is told as inactive, without a reason. A refresh token is worth nothing anywhere
 * but at /auth/refresh. Not being able to say is no answer: it stays an error, or siblings would sign everybody out.
 */
export type IntrospectionService = { introspect(token: string): Promise<TokenView> };

type Deps = { tokens: TokenService; sessions: SessionService; users: UserService };

export function createIntrospectionService({ tokens, sessions, users }: Deps): IntrospectionService {
  return {
    introspect: async (token) => {
      try {
        const claims = tokens.verify(token, ['access', 'bearer']);
        const { userId } = await sessions.actor(claims);
        return {
          active: true,
          user: await users.viewFor({ id: userId }, userId),
          exp: Math.floor(claims.expiresAtMs / 1_000),
        };
      } catch (error) {
        if (error instanceof AppError && error.status < 500) return { active: false };
        throw error;
      }
    },
  };
}
