/**
 * The job port: work that must not hold up a request, and must not be lost. BullMQ stands behind it where there is a
 * Redis, the same handlers in this process where there is none.
 *
 * `Map` gives each job's name and data. Data is JSON and may lie in Redis for weeks: never a code, a token or a password
 * in clear (platform/crypto/sealed-box).
 */
export type Jobs<Map> = {
  /**
   * Resolves when the job is kept. A job with an `id` that is known already is the same job and runs once.
   * Rejects UNAVAILABLE when the queue is out of reach.
   */
  add<N extends keyof Map & string>(
    name: N,
    data: Map[N],
    options?: { id?: string; delayMs?: number },
  ): Promise<void>;
};

/** May run again after a crash: handlers are idempotent. A rejection is tried again with backoff, then a dead letter. */
export type JobHandler<Data> = (data: Data, job: { id: string; attempt: number }) => Promise<void>;

export type JobHandlers<Map> = { readonly [N in keyof Map]: JobHandler<Map[N]> };
