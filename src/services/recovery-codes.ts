import { createHash, randomBytes } from 'node:crypto';

/**
 * The way back in for somebody whose authenticator is lost. A code has 80 random bits: enough for its plain hash to be
 * safe in a stolen database, so no key has to be there for it to work, and it opens where a lost DATA_ENCRYPTION_KEY has
 * made authenticators useless.
 */

const CODES = 10;
const BYTES = 10;
/** Crockford's digits: no i, l, o, u. What is misread is read right again by `plain`. */
const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz';

/** Ten codes such as `7d2k-90xq-m4vz-c81h`, to be shown once. */
export function drawRecoveryCodes(): string[] {
  return Array.from({ length: CODES }, () => {
    let bits = '';
    for (const byte of randomBytes(BYTES)) bits += byte.toString(2).padStart(8, '0');
    const text = bits.replace(/.{5}/g, (five) => DIGITS.charAt(Number.parseInt(five, 2)));
    return text.replace(/.{4}(?=.)/g, '$&-');
  });
}

/** What is kept of a code: SHA-256, hex, bound to its owner. However it was typed: letter case and hyphens do not count. */
export function hashRecoveryCode(userId: string, code: string): string {
  return createHash('sha256')
    .update(`recovery code\n${userId}\n${plain(code)}`)
    .digest('hex');
}

function plain(code: string): string {
  return code.toLowerCase().replace(/[\s-]/g, '').replaceAll('o', '0').replace(/[il]/g, '1');
}
