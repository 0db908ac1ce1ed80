import { createHmac } from 'node:crypto';

/**
 * An authenticator app, written from RFC 4226 and RFC 6238 over node:crypto, so that the server's codes are held against
 * something it has no part in. SHA-1, six digits, steps of 30 seconds.
 */
export type Authenticator = {
  codeAt(step: number): string;
  /** The code at `timeMs`, or `offset` steps away from it. */
  code(timeMs: number, offset?: number): string;
};

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

export function authenticator(secret: string): Authenticator {
  const key = decode(secret);
  const codeAt = (step: number): string => {
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(step));
    const mac = createHmac('sha1', key).update(counter).digest();
    const at = (mac.at(-1) ?? 0) & 15;
    return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
  };
  return { codeAt, code: (timeMs, offset = 0) => codeAt(Math.floor(timeMs / 30_000) + offset) };
}

function decode(text: string): Buffer {
  let bits = 0n;
  for (const letter of text) {
    const value = BASE32.indexOf(letter);
    if (value === -1) throw new Error(`${letter} is not base32`);
    bits = (bits << 5n) | BigInt(value);
  }
  const bytes = Math.floor((text.length * 5) / 8);
  const spare = BigInt(text.length * 5 - bytes * 8);
  return Buffer.from((bits >> spare).toString(16).padStart(bytes * 2, '0'), 'hex');
}

/** A code that is not right now, nor soon: for failing with. */
export function wrongCode(phone: Authenticator, timeMs: number): string {
  const near = new Set([-2, -1, 0, 1, 2, 3, 4, 5].map((offset) => phone.code(timeMs, offset)));
  for (let guess = 0; ; guess += 1) {
    const code = String(guess).padStart(6, '0');
    if (!near.has(code)) return code;
  }
}
