import { randomBytes, randomInt } from 'node:crypto';
import { AppError } from '../platform/errors/app-error.js';
import { toAppError } from '../platform/errors/to-app-error.js';
import type { Clock } from '../platform/clock/clock.js';
import type { KeyedHash } from '../platform/crypto/keyed-hash.js';
import { key } from '../platform/keys/keys.js';
import type { KeyStore } from '../platform/keystore/key-store.js';
import type { GiveBack } from './proof.service.js';

/**
 * Codes of six digits that prove that somebody reads an address, and what waits for the proof.
 *
 * Invariants: a code lies nowhere but in its mail; here is a keyed hash of it, bound to its subject and to what waits. A
 * subject has one code at a time, the newest. A try is counted before it is compared, so `TRIES` is the most there can
 * be, in parallel and on all nodes. A right code is taken by one caller. Where there is nothing to wait for, a decoy does,
 * which no code fits, and an absent code answers like a wrong one, try by try: nobody learns which addresses have one.
 */
export type OneTimeCodes<Payload> = {
  /** The new code of `subject`; what waited before waits no more. `payload` null: a decoy. */
  issue(subject: string, payload: Payload | null): Promise<string>;
  /** Another code for what waits. Null when nothing does (any more): then a decoy waits now. */
  renew(subject: string): Promise<{ code: string; payload: Payload } | null>;
  /**
   * Hands what waits to `use`, once. Throws INVALID_CREDENTIALS for a code that is wrong, old or never was, EXPIRED when
   * the tries are used up, and what `use` throws: when that is our fault, the code is good for another try.
   */
  redeem<T>(attempt: Attempt, use: (payload: Payload) => Promise<T>): Promise<T>;
  /** Nothing waits any more. */
  revoke(subject: string): Promise<void>;
};

export type Attempt = {
  subject: string;
  code: string;
  /** Who shares the tries: `TRIES` for each lane, so that strangers can't use up those of an owner at home. */
  lane?: string;
  /** Takes a try from the allowances that outlast the code; throws LIMITED. */
  takeTry: () => Promise<GiveBack>;
};

type Waiting<Payload> = { id: string; hash: string; endsAt: number; payload: Payload | null };

type Deps = {
  keyStore: KeyStore;
  hash: KeyedHash;
  clock: Clock;
  /** What the codes are for: a code for one thing is none for another. */
  purpose: string;
  /** Where what waits for the code of a subject is kept. */
  keyOf: (subject: string) => string;
  ttlSeconds: number;
};

const TRIES = 5;

export function createOneTimeCodes<Payload>(deps: Deps): OneTimeCodes<Payload> {
  const { keyStore, hash, clock, purpose, keyOf } = deps;
  const ttlMs = deps.ttlSeconds * 1_000;

  const bound = (subject: string, id: string, code: string): string =>
    [purpose, subject, id, code].join('\n');

  function draw(subject: string, payload: Payload | null): { code: string; raw: string } {
    const code = String(randomInt(1_000_000)).padStart(6, '0');
    const id = randomBytes(12).toString('base64url');
    const waiting: Waiting<Payload> = {
      ...{ id, hash: hash.of(bound(subject, id, code)), endsAt: clock() + ttlMs, payload },
    };
    return { code, raw: JSON.stringify(waiting) };
  }

  const read = (raw: string | null): Waiting<Payload> | null =>
    raw === null ? null : (JSON.parse(raw) as Waiting<Payload>);

  /** Where the tries at a code are counted; those at none by their subject. */
  const triesOf = (waiting: Waiting<Payload> | null, { subject, lane = '' }: Attempt): string =>
    key.codeTries(purpose, waiting?.id ?? subject, lane);

  /** Who may not try for a while still learns that this code is gone for good. */
  async function refuse(error: unknown, attempt: Attempt): Promise<never> {
    const waiting = read(await keyStore.get(keyOf(attempt.subject)));
    throw Number(await keyStore.get(triesOf(waiting, attempt))) >= TRIES ? usedUp() : error;
  }

  /** The code is taken: what went wrong since must not cost the caller his only one, unless it was his doing. */
  async function restoreUnlessRefused(error: unknown, subject: string, waiting: Waiting<Payload>) {
    const leftMs = Math.min(ttlMs, waiting.endsAt - clock());
    if (toAppError(error).status < 500 || leftMs <= 0) return;
    const raw = JSON.stringify(waiting);
    await keyStore.set(keyOf(subject), raw, { onlyIfAbsent: true, ttlMs: leftMs }).catch(() => false);
  }

  return {
    issue: async (subject, payload) => {
      const { code, raw } = draw(subject, payload);
      await keyStore.set(keyOf(subject), raw, { ttlMs });
      return code;
    },

    renew: async (subject) => {
      const expected = await keyStore.get(keyOf(subject));
      const payload = read(expected)?.payload ?? null;
      const { code, raw } = draw(subject, payload);
      const still = await keyStore.compareAndSet(keyOf(subject), { expected, next: raw, ttlMs });
      return still && payload !== null ? { code, payload } : null;
    },

    redeem: async (attempt, use) => {
      const { subject, code } = attempt;
      const giveBack = await attempt.takeTry().catch((error: unknown) => refuse(error, attempt));
      const raw = await keyStore.get(keyOf(subject));
      const waiting = read(raw);
      const tries = await keyStore.increment(triesOf(waiting, attempt), { windowMs: ttlMs });
      if (tries.count > TRIES) throw usedUp();
      // With nothing to compare with, something that can't fit: it takes as long.
      const fits = hash.matches(bound(subject, waiting?.id ?? '', code), waiting?.hash ?? '');
      if (!fits || waiting === null || waiting.payload === null) throw wrong();
      if (!(await keyStore.compareAndSet(keyOf(subject), { expected: raw, next: null }))) throw wrong();
      await giveBack();
      try {
        return await use(waiting.payload);
      } catch (error) {
        await restoreUnlessRefused(error, subject, waiting);
        throw error;
      }
    },

    revoke: async (subject) => {
      await keyStore.delete(keyOf(subject));
    },
  };
}

function wrong(): AppError {
  return new AppError('INVALID_CREDENTIALS', { message: 'This code is wrong or has expired.' });
}

function usedUp(): AppError {
  return new AppError('EXPIRED', { message: 'This code has expired. Please ask for a new one.' });
}
