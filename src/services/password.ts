import { createHash } from 'node:crypto';
import bcrypt from 'bcrypt';
import { dictionary } from '@zxcvbn-ts/language-common';
import { invalid } from '../platform/errors/app-error.js';

/** Hashes and compares passwords, and knows the worst of them. */
export type Passwords = {
  hash(password: string): Promise<string>;
  /** `hash` null (no such account): as slow as a real comparison, and false. */
  matches(password: string, hash: string | null): Promise<boolean>;
  /** One of the thousand that everybody tries first. Compared exactly. */
  isCommon(password: string): boolean;
};

const COMMON = 1_000;

/**
 * bcrypt reads 72 bytes and stops at a NUL; what is behind would not count. So the password is hashed first (SHA-384,
 * base64: 64 characters, no NUL), which keeps every byte of any length. The comparison runs on the thread pool.
 */
export async function createPasswords({ cost }: { cost: number }): Promise<Passwords> {
  const common = new Set(dictionary['passwords-common'].slice(0, COMMON));
  const hash = (password: string): Promise<string> => bcrypt.hash(digest(password), cost);
  const nobody = await hash('no account has this password');

  return {
    hash,
    matches: async (password, stored) => {
      const same = await bcrypt.compare(digest(password), stored ?? nobody);
      return same && stored !== null;
    },
    isCommon: (password) => common.has(password),
  };
}

/** Throws VALIDATION_FAILED for a password that everybody tries first: `{ newPassword }` names the field. */
export function assertUncommon(passwords: Passwords, fields: Readonly<Record<string, string>>): void {
  for (const [field, password] of Object.entries(fields)) {
    if (!passwords.isCommon(password)) continue;
    throw invalid({ field, message: 'is one of the most common passwords; please choose another' });
  }
}

function digest(password: string): string {
  return createHash('sha384').update(password, 'utf8').digest('base64');
}
