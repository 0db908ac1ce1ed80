import { randomBytes, timingSafeEqual } from 'node:crypto';
import { toDataURL } from 'qrcode';
import speakeasy from 'speakeasy';
import type { Clock } from '../platform/clock/clock.js';

/**
 * Codes that an authenticator app and we compute from the same secret and the same time (RFC 6238: SHA-1, six digits,
 * steps of 30 seconds).
 *
 * speakeasy computes them. Not used of it: its secrets, which are biased, and its verification, which takes anything that
 * can be made a number, says not which step a code belongs to, and stops at the first that fits.
 */
export type Totp = {
  /** 160 random bits in base32: what both sides keep. */
  newSecret(): string;
  /** The secret for an authenticator app, as an address and as a picture of it (PNG, data URL). */
  enrolment(secret: string, account: string): Promise<{ otpauthUrl: string; qrCode: string }>;
  /**
   * The step whose code this is, counted from 1970; null when it is that of no step from the last to the next. Should it
   * be that of two, the later one: whoever accepts only greater steps from then on accepts no code twice.
   */
  stepOf(secret: string, code: string): number | null;
};

const SECRET_BYTES = 20;
const STEP_SECONDS = 30;
/** How many steps a clock may be wrong, either way. */
const WINDOW = 1;
const ISSUER = 'Parley';
const SIX_DIGITS = /^[0-9]{6}$/;
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

export function createTotp({ clock }: { clock: Clock }): Totp {
  const codeAt = (secret: string, step: number): string =>
    speakeasy.hotp({ secret, encoding: 'base32', counter: step, digits: 6 });

  return {
    newSecret: () => base32(randomBytes(SECRET_BYTES)),

    enrolment: async (secret, account) => {
      const otpauthUrl = speakeasy.otpauthURL({
        ...{ secret, encoding: 'base32', issuer: ISSUER },
        // speakeasy puts the label into the path as it is.
        label: `${ISSUER}:${encodeURIComponent(account)}`,
        ...{ algorithm: 'sha1', digits: 6, period: STEP_SECONDS },
      });
      return { otpauthUrl, qrCode: await toDataURL(otpauthUrl, { errorCorrectionLevel: 'M' }) };
    },

    stepOf: (secret, code) => {
      if (typeof code !== 'string' || !SIX_DIGITS.test(code)) return null;
      const given = Buffer.from(code);
      const now = Math.floor(clock() / 1_000 / STEP_SECONDS);
      let found: number | null = null;
      // All of them, whichever fits: the time it takes tells nothing.
      for (let step = now - WINDOW; step <= now + WINDOW; step += 1) {
        if (timingSafeEqual(Buffer.from(codeAt(secret, step)), given)) found = step;
      }
      return found;
    },
  };
}

/** RFC 4648, without padding. Every 40 bits are 8 characters. */
function base32(bytes: Buffer): string {
  let bits = '';
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0');
  return bits.replace(/.{5}/g, (five) => BASE32.charAt(Number.parseInt(five, 2)));
}
