import type { CodeSent } from '../contract/views.js';
import type { LimitName } from '../config/limit-table.js';
import { AppError } from '../platform/errors/app-error.js';
import type { KeyStore } from '../platform/keystore/key-store.js';
import type { Limits } from '../platform/limits/limits.js';

/**
 * Keeps mailed codes from becoming a nuisance: a pause between two, and so many an hour. The pause is no allowance:
 * RATE_LIMIT_SCALE does not change it. Whether there is such an account plays no part.
 */
export type CodePauses = {
  /** Counts who has mails sent, an address or a user. Throws LIMITED. */
  ask(asker: string): Promise<void>;
  /** `subject`: whose pause begins. `receiver`: who gets the mail. Throws LIMITED, with the seconds to wait. */
  begin(mail: { subject: string; receiver: string }): Promise<void>;
  /** Ends the pause before its time; never rejects. */
  end(subject: string): Promise<void>;
};

type Deps = {
  keyStore: KeyStore;
  limits: Limits<LimitName>;
  keyOf: (subject: string) => string;
};

const PAUSE_SECONDS = 60;

export function createCodePauses({ keyStore, limits, keyOf }: Deps): CodePauses {
  return {
    ask: (asker) => limits.spend('mail.asked', asker),
    begin: async ({ subject, receiver }) => {
      const begun = await keyStore.set(keyOf(subject), 'true', {
        ttlMs: PAUSE_SECONDS * 1_000,
        onlyIfAbsent: true,
      });
      if (!begun) throw tooSoon(await keyStore.ttl(keyOf(subject)));
      await limits.spend('mail.received', receiver);
    },
    end: async (subject) => {
      await keyStore.delete(keyOf(subject)).catch(() => 0);
    },
  };
}

/** What is told of a code, sent or not. */
export function codeSent(email: string, expiresIn: number): CodeSent {
  return { email, expiresIn, resendIn: PAUSE_SECONDS };
}

function tooSoon(leftMs: number | null): AppError {
  return new AppError('LIMITED', {
    message: 'A code has just been sent. Please wait a moment before you ask for another.',
    retryAfterSeconds: Math.max(1, Math.ceil((leftMs ?? 0) / 1_000)),
  });
}
