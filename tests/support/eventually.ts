import { setTimeout as delay } from 'node:timers/promises';

/**
 * Tries `check` until it no longer throws and answers what it answers. Instead of sleeping for a guessed time:
 * it goes on as soon as the thing is true, and the last failure is the test's when it never is.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { timeoutMs = 10_000, everyMs = 25 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await delay(everyMs);
    }
  }
}
