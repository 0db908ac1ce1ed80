/** A job as the in-process queue keeps it. */
export type JobRecord = {
  id: string;
  name: string;
  queue: string;
  /** JSON. */
  data: string;
  /** Tries that ended in failure. */
  attempts: number;
  createdAt: Date;
  /** When it is due, or when it ended. */
  at: Date;
  reason: string | null;
};

/**
 * Where the in-process queue keeps its jobs, so that a crash of the only process loses none. One process at a time
 * works on it (app/sole-process); others may add, list and requeue.
 */
export type JobStore = {
  /** False when its id is there already. */
  insert(job: JobRecord): Promise<boolean>;
  /** The longest due job of the queue, now running; null when none is due. */
  claim(queue: string, now: Date): Promise<JobRecord | null>;
  /** When the next waiting job of the queue is due; null when none waits. */
  nextDue(queue: string): Promise<Date | null>;
  /** Ran well: only its id stays. */
  finish(id: string, now: Date): Promise<void>;
  /** To be tried at `at`; counts as a failed try when a `reason` is given. */
  retry(id: string, at: Date, reason: string | null): Promise<void>;
  bury(id: string, now: Date, reason: string): Promise<void>;
  /** What the process before this one left running waits again, unless its worker died `maxCrashes` times: then it is dead. */
  recover(now: Date, maxCrashes: number): Promise<void>;
  /** Newest first. */
  dead(limit: number): Promise<JobRecord[]>;
  /** Dead ones (one, or all) wait again with all their attempts; answers how many. */
  revive(id: string | null, now: Date): Promise<number>;
  discard(id: string): Promise<boolean>;
  counts(
    now: Date,
  ): Promise<{ queue: string; waiting: number; active: number; delayed: number; dead: number }[]>;
  /** Deletes what was done or died before these moments. */
  sweep(before: { done: Date; dead: Date }): Promise<void>;
  ping(): Promise<void>;
};
