import { hkdfSync } from 'node:crypto';

/**
 * One secret from another for one purpose (HKDF-SHA256), 32 bytes in base64url. Who learns the result learns
 * neither the source nor what was derived for another purpose.
 */
export function deriveSecret(source: string, purpose: string): string {
  return Buffer.from(hkdfSync('sha256', source, 'parley', purpose, 32)).toString('base64url');
}
