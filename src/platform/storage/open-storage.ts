import { openLocalStorage } from './local-storage.js';
import type { Storage } from './storage.js';

/** Longer than any upload may take. */
const ABANDONED_MS = 24 * 3_600_000;

/**
 * `s3`: settings of an object store, null for a folder of this machine. Rejects when the folder can't be made. What a
 * process that died has left in quarantine is taken away.
 */
export async function openStorage({ folder, s3 }: { folder: string; s3: object | null }): Promise<Storage> {
  if (s3 !== null) {
    // Better no start than files where nobody looks for them.
    throw new Error('Files can not be kept in an object store yet.\nFix: STORAGE=local');
  }
  const storage = await openLocalStorage(folder);
  await storage.sweepQuarantine(ABANDONED_MS);
  return storage;
}
