/**
 * The job port: work that must not hold up a request, and must not be lost. BullMQ stands behind it where there is a
 * Redis (redis-queue), the same handlers in this process where there is none (local-queue).
 *
 * `Map` gives each job's name and data. Data is JSON and may lie in Redis for weeks: never a code, a token or a password
 * in clear (platform/crypto/sealed-box).
 */
export type Jobs<Map> = {
  /**
   * Resolves when the job is kept. A job with an `id` that is known already (waiting, running, dead, or done within the
   * last hour) is the same job and runs once. Rejects UNAVAILABLE when the queue is out of reach.
   */
  add<N extends keyof Map & string>(
    name: N,
    data: Map[N],
    options?: { id?: string; delayMs?: number },
  ): Promise<void>;
};

/** `attempt` counts from 1. `signal` aborts when the process stops: stop soon, and the job is given back. */
export type JobContext = { id: string; attempt: number; signal: AbortSignal };

/**
 * May run again after a crash: handlers are idempotent. A rejection is tried again with backoff, then a dead letter;
 * a `GiveUp` is a dead letter at once.
 */
export type JobHandler<Data> = (data: Data, job: JobContext) => Promise<void>;

export type JobHandlers<Map> = { readonly [N in keyof Map]: JobHandler<Map[N]> };

/** How jobs of one name are treated. */
export type JobRow = {
  /** Jobs of one queue share `concurrency`, so that slow kinds do not hold up quick ones. Letters and `-`. */
  queue: string;
  attempts: number;
  /** The wait before try n + 1 is about `firstMs · factor^(n−1)`, spread by half of it. */
  backoff: { firstMs: number; factor: number };
};

export type JobTable<Map> = Readonly<Record<keyof Map & string, JobRow>>;

/** `concurrency`: how many jobs of a queue one process runs at a time. */
export type QueueTable = Readonly<Record<string, { concurrency: number }>>;

/** A job that failed for good. Its data is not shown: it may be sealed, and is nobody's business. */
export type DeadLetter = {
  id: string;
  name: string;
  queue: string;
  attempts: number;
  /** What went wrong the last time, masked. */
  reason: string;
  addedAt: Date;
  failedAt: Date;
};

/** Jobs that failed for good, kept for two weeks. Everything rejects UNAVAILABLE when the queue is out of reach. */
export type DeadLetters = {
  /** Newest first over all queues, at most `limit` (100). */
  list(options?: { limit?: number }): Promise<DeadLetter[]>;
  /** With all its attempts, now. False when there is no such dead letter. */
  requeue(id: string): Promise<boolean>;
  /** Answers how many. */
  requeueAll(): Promise<number>;
  /** Forgets it. False when there is no such dead letter. */
  discard(id: string): Promise<boolean>;
};

/** `delayed` are waiting for their time: a retry, or what was added with a delay. */
export type QueueCounts = { waiting: number; active: number; delayed: number; dead: number };

/** A whole queue system, opened. */
export type JobQueue<Map> = Jobs<Map> & {
  /** Begins to work jobs in this process. Once. */
  work(handlers: JobHandlers<Map>): Promise<void>;
  readonly deadLetters: DeadLetters;
  /** By queue. */
  counts(): Promise<Record<string, QueueCounts>>;
  /** Milliseconds of a round trip; rejects when jobs can't be kept, or are not worked although they should be. */
  ping(): Promise<number>;
  /** Takes no more jobs, waits for those under way for a moment, then gives them back. `add` goes on working. */
  drain(): Promise<void>;
  close(): Promise<void>;
};

/** Trying again is pointless: the job becomes a dead letter now. */
export class GiveUp extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'GiveUp';
  }
}
