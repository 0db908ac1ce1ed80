/**
 * The key store port: everything that the processes of one deployment share besides the database.
 *
 * Two adapters stand behind it, Redis (`redis-key-store.ts`) and this process's memory
 * (`memory-key-store.ts`). Both pass one test-suite, and nothing else in Parley knows which one is there.
 * Keys arrive complete (see `platform/keys`); the adapter puts KEY_PREFIX before each, as it is.
 *
 * Every method rejects with an AppError `UNAVAILABLE` when the store can't answer in time: callers decide
 * whether they can go on without it. No method hangs.
 */
export type KeyStore = {
  readonly kind: 'redis' | 'memory';

  get(key: string): Promise<string | null>;
  /** Many keys in one round trip, in the order asked; null where there is none. */
  getMany(keys: readonly string[]): Promise<(string | null)[]>;
  /** Stores `value`. `ttlMs` absent: kept for ever. `onlyIfAbsent`: false when the key exists already. */
  set(key: string, value: string, options?: { ttlMs?: number; onlyIfAbsent?: boolean }): Promise<boolean>;
  /** How many of the keys existed. */
  delete(...keys: string[]): Promise<number>;
  /** Reads and deletes in one step, so a value is taken by one caller only. */
  take(key: string): Promise<string | null>;
  /** Milliseconds left; null when the key is absent or never expires. */
  ttl(key: string): Promise<number | null>;
  /** Replaces `expected` (null = absent) by `next` (null = delete) in one step; false when something else is there. */
  compareAndSet(
    key: string,
    change: { expected: string | null; next: string | null; ttlMs?: number },
  ): Promise<boolean>;

  /** Adds `by` (default 1) and answers the new count. The window starts with the first hit and is not prolonged. */
  increment(
    key: string,
    options: { windowMs: number; by?: number },
  ): Promise<{ count: number; resetMs: number }>;

  /** Puts `member` into the set until its lease ends; again = prolonged. */
  leaseAdd(key: string, member: string, ttlMs: number): Promise<void>;
  /** True when the member was there with a live lease. */
  leaseRemove(key: string, member: string): Promise<boolean>;
  /** Members whose lease lives, in the order their leases end. */
  leaseMembers(key: string): Promise<string[]>;
  /** `leaseMembers` of many sets in one round trip, in the order asked. */
  leaseMembersMany(keys: readonly string[]): Promise<string[][]>;
  /** Removes and answers the members whose lease has ended: each is handed to one caller only. */
  leaseReap(key: string): Promise<string[]>;

  /**
   * Token bucket: `capacity` tokens at most, refilled evenly at `refillPerMinute`.
   * Takes `tokens` (default 1) if they are there. `retryMs`: when they would be.
   */
  takeToken(
    key: string,
    bucket: { capacity: number; refillPerMinute: number; tokens?: number },
  ): Promise<{ allowed: boolean; remaining: number; retryMs: number }>;

  /** Mutual exclusion between processes: null when somebody else holds it. The lock ends by itself after `ttlMs`. */
  lock(key: string, ttlMs: number): Promise<Lock | null>;

  /** At-most-once to every live subscriber of every process, this one included, in the order one publisher sent. */
  publish(channel: string, message: string): Promise<void>;
  /** `listener` must not throw. Resolves when the subscription is in force; answers the way to end it. */
  subscribe(channel: string, listener: (message: string) => void): Promise<() => Promise<void>>;
  /** How many processes listen to the channel (0 for a channel nobody of ours listens to). */
  subscribers(channel: string): Promise<number>;

  /** Round-trip time in milliseconds; rejects when the store is out of reach. */
  ping(): Promise<number>;
  close(): Promise<void>;
};

/** A held lock. Both methods answer false when the lock was lost meanwhile. */
export type Lock = {
  extend(ttlMs: number): Promise<boolean>;
  release(): Promise<boolean>;
};
