import { createCipheriv, createDecipheriv, createHash, randomBytes, type KeyObject } from 'node:crypto';

/**
 * Encrypts small texts that must not lie in clear: AES-256-GCM, the nonce random, the key named in front so that keys can
 * be rotated. `context` (such as `mfa:<user id>`) is authenticated with it: a sealed text moved elsewhere does not open.
 */
export type SealedBox = {
  /** `v1.<key id>.<base64url of nonce, tag and ciphertext>`. */
  seal(plain: string, context: string): string;
  /** Throws when the text was changed, belongs to another context, or its key is gone. */
  open(sealed: string, context: string): string;
  /** False when an older key sealed it: seal it anew. */
  isCurrent(sealed: string): boolean;
};

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** `keys`: 32 bytes each; the first seals, all open. */
export function createSealedBox(keys: readonly KeyObject[]): SealedBox {
  const known = keys.map((secret) => ({ id: keyId(secret), secret }));
  const [first] = known;
  if (first === undefined) throw new Error('A sealed box needs a key.');

  return {
    seal: (plain, context) => {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', first.secret, nonce).setAAD(Buffer.from(context));
      const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
      return `v1.${first.id}.${Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')}`;
    },
    open: (sealed, context) => {
      const [version, id, body = ''] = sealed.split('.');
      const key = known.find((each) => each.id === id);
      if (version !== 'v1' || key === undefined) throw new Error('No key opens this.');
      const bytes = Buffer.from(body, 'base64url');
      const nonce = bytes.subarray(0, NONCE_BYTES);
      const tag = bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', key.secret, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(Buffer.from(context)).setAuthTag(tag);
      const plain = [decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()];
      return Buffer.concat(plain).toString('utf8');
    },
    isCurrent: (sealed) => sealed.startsWith(`v1.${first.id}.`),
  };
}

/** Says which key, and nothing about it. */
function keyId(secret: KeyObject): string {
  return createHash('sha256').update('parley key id').update(secret.export()).digest('base64url').slice(0, 8);
}
