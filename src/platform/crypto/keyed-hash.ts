import { createHmac, createSecretKey, hkdfSync, timingSafeEqual, type KeyObject } from 'node:crypto';

/**
 * Hashes for secrets so short that a plain hash of them can be reversed by trying: six digits take a moment. Without the
 * key there is nothing to try against.
 */
export type KeyedHash = {
  /** HMAC-SHA256 of the text, base64url. */
  of(text: string): string;
  /** Whether `hash` is that of `text`, by any of the keys; in the same time whatever they are. */
  matches(text: string, hash: string): boolean;
};

/** `keys`: the first hashes, all are tried. `purpose`: hashes for one purpose say nothing of another. */
export function createKeyedHash(keys: readonly KeyObject[], purpose: string): KeyedHash {
  const derived = keys.map((each) =>
    createSecretKey(Buffer.from(hkdfSync('sha256', each, 'parley', purpose, 32))),
  );
  const [first] = derived;
  if (first === undefined) throw new Error('A keyed hash needs a key.');
  const digest = (secret: KeyObject, text: string): Buffer =>
    createHmac('sha256', secret).update(text, 'utf8').digest();

  return {
    of: (text) => digest(first, text).toString('base64url'),
    matches: (text, hash) => {
      const given = Buffer.from(hash, 'base64url');
      const expected = given.length === 32 ? given : Buffer.alloc(32);
      // No `some`: it would stop at the one that fits.
      return derived.filter((secret) => timingSafeEqual(digest(secret, text), expected)).length > 0;
    },
  };
}
