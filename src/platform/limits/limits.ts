import { AppError } from '../errors/app-error.js';
import { key } from '../keys/keys.js';
import type { KeyStore } from '../keystore/key-store.js';
import type { Logger } from '../logging/logger.js';

/** `points` in a window that starts with the first; or a bucket of `burst`, refilled evenly. Before RATE_LIMIT_SCALE. */
export type LimitRow = { points: number; perMs: number } | { burst: number; perMinute: number };
export type LimitTable = Readonly<Record<string, LimitRow>>;

/**
 * Spends allowances, shared by all nodes through the key store. When the store is out of reach this process counts
 * alone with the `fallback` (memory): limits get laxer by the number of nodes, and chat goes on.
 */
export type Limits<Name extends string> = {
  /** Throws LIMITED, with the seconds to wait, when nothing is left. */
  spend(name: Name, subject: string): Promise<void>;
  /** Throws LIMITED when nothing is left, and spends nothing: for limits that count failures only. */
  assertLeft(name: Name, subject: string): Promise<void>;
  /** Gives one back (windows only): what was spent on trial and turned out well. */
  refund(name: Name, subject: string): Promise<void>;
  /** Spends without refusing: a failure that already has its answer. */
  count(name: Name, subject: string): Promise<void>;
};

type Deps<Table extends LimitTable> = {
  table: Table;
  /** RATE_LIMIT_SCALE: multiplies every allowance; 0 = off. */
  scale: number;
  keyStore: KeyStore;
  fallback: KeyStore;
  logger: Logger;
};

export function createLimits<Table extends LimitTable>(deps: Deps<Table>): Limits<keyof Table & string> {
  const { table, scale, keyStore, fallback, logger } = deps;

  function waitIn(store: KeyStore, row: LimitRow, storeKey: string, by: number): Promise<number> {
    if ('burst' in row) {
      const bucket = { capacity: row.burst * scale, refillPerMinute: row.perMinute * scale, tokens: by };
      return store.takeToken(storeKey, bucket).then((answer) => (answer.allowed ? 0 : answer.retryMs));
    }
    const allowed = row.points * scale;
    return store
      .increment(storeKey, { windowMs: row.perMs, by })
      .then(({ count, resetMs }) => (count > allowed || (by === 0 && count >= allowed) ? resetMs : 0));
  }

  async function check(name: string, subject: string, by: number): Promise<void> {
    const row = table[name];
    if (scale === 0 || row === undefined) return;
    const storeKey = key.limit(name, subject);
    let waitMs: number;
    try {
      waitMs = await waitIn(keyStore, row, storeKey, by);
    } catch (error) {
      logger.debug('limits are counted by this process alone', { error });
      waitMs = await waitIn(fallback, row, storeKey, by);
    }
    if (waitMs > 0)
      throw new AppError('LIMITED', { retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)) });
  }

  return {
    spend: (name, subject) => check(name, subject, 1),
    assertLeft: (name, subject) => check(name, subject, 0),
    refund: async (name, subject) => {
      const row = table[name];
      if (scale === 0 || row === undefined || 'burst' in row) return;
      await waitIn(keyStore, row, key.limit(name, subject), -1).catch(() =>
        waitIn(fallback, row, key.limit(name, subject), -1),
      );
    },
    count: (name, subject) =>
      check(name, subject, 1).catch((error: unknown) => {
        if (!(error instanceof AppError && error.code === 'LIMITED')) throw error;
      }),
  };
}
