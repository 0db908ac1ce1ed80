import type { Origin } from '../contract/actor.js';
import type { LimitName } from '../config/limit-table.js';
import { spendAll, type GiveBack } from '../platform/limits/spend-all.js';
import type { Limits } from '../platform/limits/limits.js';
import type { SessionService } from './session.service.js';

/**
 * How often somebody may be wrong about a second factor: shared by every door that asks for one.
 *
 * Invariants: a try is taken before anything is compared, on all nodes together, and given back when it was right. Where
 * a try comes from decides whose it is: an address at which the account has a live session has tries of its own, so has a
 * session elsewhere, and all strangers together have one account's worth. So there are five in each place, and whoever has
 * found out a password can use up the strangers' only, never the owner's at home. Recovery codes are counted apart, so
 * that they still open when the codes have been used up; they are too long to be guessed.
 */
export type MfaTries = {
  /** `sessionId`: that of somebody who is signed in. Throws LIMITED. */
  take(of: {
    kind: 'code' | 'recovery';
    userId: string;
    origin: Origin;
    sessionId: string | null;
  }): Promise<GiveBack>;
};

const rows = {
  code: ['mfa.code', 'mfa.code.long'],
  recovery: ['mfa.recovery'],
} as const satisfies Record<string, readonly LimitName[]>;

type Deps = { sessions: SessionService; limits: Limits<LimitName> };

export function createMfaTries({ sessions, limits }: Deps): MfaTries {
  return {
    take: async ({ kind, userId, origin, sessionId }) => {
      const known = await sessions.knowsAddress(userId, origin.ip);
      const place = known ? origin.ip : sessionId;
      const subject = place === null ? userId : `${userId}:${place}`;
      return spendAll(
        limits,
        rows[kind].map((row) => [row, subject] as const),
      );
    },
  };
}
