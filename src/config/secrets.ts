/**
 * The keys that sign tokens and encrypt what must not lie in clear.
 *
 * Invariant: every process with the same settings and the same DATA_DIR gets the same keys, however many start at
 * once, and a key that was in use is never replaced silently: that would sign everyone out.
 */
import { createSecretKey, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import type { Config } from './config.js';
import { deriveSecret } from './derive.js';
import { openSecretsFile } from './secrets-file.js';

export type Secrets = Readonly<{
  /** HS256 keys: the first signs, all verify. Never empty. */
  access: readonly KeyObject[];
  refresh: readonly KeyObject[];
  /** AES-256 keys of 32 bytes: the first encrypts, all decrypt. Never empty. */
  dataEncryption: readonly KeyObject[];
  /** Something comes from `<DATA_DIR>/secrets.json` rather than from the settings. */
  generated: boolean;
}>;

const signingKey = (secret: string): KeyObject => createSecretKey(secret, 'utf8');
const encryptionKey = (base64: string): KeyObject => createSecretKey(Buffer.from(base64, 'base64'));

/**
 * Keys from the settings; what they leave out is generated once and kept in `<DATA_DIR>/secrets.json`.
 *
 * Without DATA_ENCRYPTION_KEY the refresh secrets stand in for it, by derivation, so that all machines of one
 * deployment agree. Those derived keys go on decrypting once there is a DATA_ENCRYPTION_KEY: what they encrypted
 * before stays readable.
 *
 * @param warn told what was odd about the file, in one line without secrets
 * @throws ConfigError when the file is damaged or can't be read or written
 */
export async function loadSecrets(
  { auth, data }: Pick<Config, 'auth' | 'data'>,
  warn: (text: string) => void = () => undefined,
): Promise<Secrets> {
  const generated = auth.accessSecrets.length === 0 || auth.refreshSecrets.length === 0;
  const kept = generated ? await openSecretsFile(join(data.dir, 'secrets.json'), warn) : null;
  const standIns = kept
    ? [kept.DATA_ENCRYPTION_KEY]
    : auth.refreshSecrets.map((secret) => deriveSecret(secret, 'data encryption'));
  const orKept = (secrets: readonly string[], name: 'ACCESS_TOKEN_SECRET' | 'REFRESH_TOKEN_SECRET') =>
    secrets.length > 0 || kept === null ? secrets : [kept[name]];
  return {
    access: orKept(auth.accessSecrets, 'ACCESS_TOKEN_SECRET').map(signingKey),
    refresh: orKept(auth.refreshSecrets, 'REFRESH_TOKEN_SECRET').map(signingKey),
    dataEncryption: [...auth.dataEncryptionKeys, ...standIns].map(encryptionKey),
    generated,
  };
}
