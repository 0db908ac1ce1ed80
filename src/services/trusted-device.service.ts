import { randomBytes } from 'node:crypto';
import type { Origin } from '../contract/actor.js';
import type { Clock } from '../platform/clock/clock.js';
import { readUserAgent } from '../platform/user-agents/user-agent.js';
import type { TrustedDeviceDoc, TrustedDeviceModel } from '../models/trusted-device.model.js';
import { toId } from '../models/ids.js';
import { hashToken } from './token.service.js';

/**
 * Browsers whose owner has asked not to be asked for the second factor for 30 days.
 *
 * Invariants: the trust is one user's, and rests on the password and the secret it was given under: when one of them is
 * another, it is worth nothing, whether or not anybody came to delete it. It stands for the second factor only, never for
 * the password. The time is not prolonged by use.
 */
export type TrustedDevices = {
  /** Answers what the device has to show from now on: stored nowhere but there. */
  trust(of: { userId: string; standing: string; session: string }, origin: Origin): Promise<string>;
  isTrusted(shown: string, of: { userId: string; standing: string }): Promise<boolean>;
  /** A session has begun by it. */
  used(shown: string, of: { userId: string; session: string }): Promise<void>;
  list(userId: string): Promise<TrustedDeviceDoc[]>;
  /** Forgets one: by its id, or that of the session that began with it last. False when there is none. */
  forgetOne(userId: string, which: { id: string } | { session: string }): Promise<boolean>;
  /** Forgets all of a user's: with a new password, without MFA, after signing out everywhere. */
  forgetTrusted(userId: string): Promise<void>;
};

export const TRUSTED_SECONDS = 30 * 86_400;
/** Each is a door left ajar: the oldest ones close. */
const MOST = 20;

export function createTrustedDevices({
  devices,
  clock,
}: {
  devices: TrustedDeviceModel;
  clock: Clock;
}): TrustedDevices {
  return {
    trust: async ({ userId, standing, session }, origin) => {
      const shown = randomBytes(32).toString('base64url');
      const now = clock();
      await devices.insert(
        {
          ...{ _id: hashToken(shown), user: toId(userId), standing, session },
          createdAt: new Date(now),
          lastUsedAt: new Date(now),
          expiresAt: new Date(now + TRUSTED_SECONDS * 1_000),
          ip: origin.ip,
          device: readUserAgent(origin.userAgent).name,
        },
        { keep: MOST },
      );
      return shown;
    },
    isTrusted: (shown, of) => devices.isLive({ ...of, id: hashToken(shown), at: new Date(clock()) }),
    used: (shown, of) => devices.touch({ ...of, id: hashToken(shown), at: new Date(clock()) }),
    list: (userId) => devices.findByUser(userId, new Date(clock())),
    forgetOne: (userId, which) => devices.delete(userId, which),
    forgetTrusted: (userId) => devices.deleteAll(userId),
  };
}
