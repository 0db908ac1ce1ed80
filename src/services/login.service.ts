import type { Actor, Origin } from '../contract/actor.js';
import type { PageInput } from '../contract/inputs.js';
import type { LoginView } from '../contract/views.js';
import type { Clock } from '../platform/clock/clock.js';
import type { Logger } from '../platform/logging/logger.js';
import type { Place, Places } from '../platform/places/places.js';
import { readUserAgent } from '../platform/user-agents/user-agent.js';
import { newId, toId } from '../models/ids.js';
import { KEPT_DAYS, type LoginModel } from '../models/login.model.js';
import { presentLogin } from '../presenters/login.presenter.js';
import { markOf, pageOf } from './page.cursor.js';

/**
 * The login history of each account: what succeeded, and what failed on the secret of an account that is there.
 *
 * It is for its owner to see what others tried, so a failure says where it came from; it says nothing of what was
 * typed. Tries that a limit refused are not in it: they must not cost a write.
 */
export type LoginService = {
  /** Never rejects: a sign-in does not fail because it can't be written down. */
  succeeded(login: Success): Promise<void>;
  failed(userId: string, origin: Origin): Promise<void>;
  list(actor: Actor, page: PageInput): Promise<LoginPage>;
};

export type LoginPage = { logins: LoginView[]; nextCursor: string | null; hasMore: boolean };

type Success = {
  userId: string;
  sessionId: string;
  origin: Origin;
  device: string;
  place: Place | null;
  newDevice: boolean;
};

type Deps = { logins: LoginModel; places: Places; clock: Clock; logger: Logger };

export function createLoginService({ logins, places, clock, logger }: Deps): LoginService {
  const lost = (error: unknown): void => logger.warn('a login could not be written down', { error });

  return {
    succeeded: async ({ userId, sessionId, origin, device, place, newDevice }) =>
      logins
        .insert({
          ...{ _id: newId(), user: toId(userId), at: new Date(clock()), outcome: 'success' },
          ...{ ip: origin.ip, device, place, newDevice, session: sessionId },
        })
        .catch(lost),

    failed: async (userId, origin) =>
      logins
        .insert({
          ...{ _id: newId(), user: toId(userId), at: new Date(clock()), outcome: 'failure' },
          ...{ ip: origin.ip, device: readUserAgent(origin.userAgent).name, place: places.of(origin.ip) },
          ...{ newDevice: false, session: null },
        })
        .catch(lost),

    list: async (actor, { limit, cursor }) => {
      const since = new Date(clock() - KEPT_DAYS * 86_400_000);
      const found = await logins.page(actor.userId, { limit: limit + 1, after: markOf(cursor), since });
      const { items, ...rest } = pageOf(found, limit, ({ at, _id }) => ({ at, id: _id.toHexString() }));
      return { logins: items.map((login) => presentLogin(login, actor.sessionId)), ...rest };
    },
  };
}
