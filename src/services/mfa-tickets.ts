import { randomBytes } from 'node:crypto';
import type { Clock } from '../platform/clock/clock.js';
import { key } from '../platform/keys/keys.js';
import type { KeyStore } from '../platform/keystore/key-store.js';
import { hashToken } from './token.service.js';

/**
 * What somebody holds between the password and the second factor.
 *
 * It is no token: it names no session, nothing but the second step takes it, and it lives in the key store under its
 * hash. It is not bound to an address or a user agent: both change on the way from one network to the next, and whoever
 * steals it still lacks the second factor.
 */
export type MfaTickets = {
  /** `standing`: see second-factor; who uses the ticket compares it. */
  issue(ticket: MfaTicket): Promise<string>;
  /** Null when it is none of ours, too old, or used. */
  find(text: string): Promise<MfaTicket | null>;
  /** True for one caller. */
  take(text: string): Promise<boolean>;
};

export type MfaTicket = { userId: string; standing: string };

const TTL_MS = 5 * 60_000;

type Kept = MfaTicket & { endsAt: number };

export function createMfaTickets({ keyStore, clock }: { keyStore: KeyStore; clock: Clock }): MfaTickets {
  const keyOf = (text: string): string => key.mfaTicket(hashToken(text));
  return {
    issue: async ({ userId, standing }) => {
      const text = randomBytes(32).toString('base64url');
      const kept: Kept = { userId, standing, endsAt: clock() + TTL_MS };
      await keyStore.set(keyOf(text), JSON.stringify(kept), { ttlMs: TTL_MS });
      return text;
    },
    find: async (text) => {
      const raw = await keyStore.get(keyOf(text));
      const kept = raw === null ? null : (JSON.parse(raw) as Kept);
      return kept === null || kept.endsAt <= clock() ? null : kept;
    },
    take: async (text) => (await keyStore.take(keyOf(text))) !== null,
  };
}
