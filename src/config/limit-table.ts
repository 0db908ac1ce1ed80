import type { LimitRow } from '../platform/limits/limits.js';
import type { LimitsConfig, Rate } from './types.js';

const MINUTE = 60_000;

/** Who is counted stands where an allowance is spent: by address for strangers, by user for whoever is signed in. */
export type LimitName =
  /** Failures only: by address, by account, and by both where the address is one the account's owner uses. */
  | 'auth.address'
  | 'auth.account'
  | 'auth.known'
  /** The same for mailed codes, counted apart: whoever has guessed at his own password in vain needs one. */
  | 'code.address'
  | 'code.account'
  | 'code.known'
  /** Failures at a second factor in one place, by every door together; in the long run fewer; recovery codes apart. */
  | 'mfa.code'
  | 'mfa.code.long'
  | 'mfa.recovery'
  /** Mails with codes that strangers may have sent: by who asks (an address), by who gets them. */
  | 'mail.asked'
  | 'mail.received'
  /** Refreshing is outside the limit on failures; this only keeps a loop from hurting. By address. */
  | 'auth.refresh'
  /** Mails of a sign-in from a new device: clients choose what they call themselves. By user. */
  | 'mail.new-device'
  | 'message.send'
  /** By user. */
  | 'contact.request'
  | 'user.block'
  /** Every try, also what is refused: decoding is not for free. By user. */
  | 'upload'
  | 'socket.event'
  | 'socket.signal';

/**
 * The one table of allowances, before RATE_LIMIT_SCALE: `points` per window that starts with the first, or a `burst`
 * that is refilled evenly. (The general allowance of /api is express-rate-limit's: platform/http/rate-limit.)
 */
export function limitTable(limits: LimitsConfig): Readonly<Record<LimitName, LimitRow>> {
  const failures = windowOf(limits.rates.auth);
  return {
    'auth.address': failures,
    'auth.account': failures,
    'auth.known': failures,
    'code.address': failures,
    // Six digits are few: at most 80 guesses a day, however many addresses take part.
    'code.account': { points: failures.points * 4, perMs: failures.perMs * 24 },
    'code.known': failures,
    'mfa.code': failures,
    // Three codes are right at any time: at 80 guesses a day it takes eleven years to hit one.
    'mfa.code.long': { points: failures.points * 4, perMs: failures.perMs * 24 },
    'mfa.recovery': failures,
    'mail.asked': { points: 50, perMs: 15 * MINUTE },
    'mail.received': { points: 5, perMs: 60 * MINUTE },
    'auth.refresh': { points: 600, perMs: 15 * MINUTE },
    'mail.new-device': { points: 5, perMs: 24 * 60 * MINUTE },
    'message.send': windowOf(limits.rates.messages),
    'contact.request': { points: 100, perMs: 24 * 60 * MINUTE },
    'user.block': { points: 500, perMs: 24 * 60 * MINUTE },
    upload: windowOf(limits.rates.uploads),
    'socket.event': { burst: 30, perMinute: limits.socketEventsPerMinute },
    // Typing and the like: cheap, frequent, coalesced further on.
    'socket.signal': { burst: 120, perMinute: limits.socketEventsPerMinute * 6 },
  };
}

export function windowOf({ points, perSeconds }: Rate): { points: number; perMs: number } {
  return { points, perMs: perSeconds * 1_000 };
}
