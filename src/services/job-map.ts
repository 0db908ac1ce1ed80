import type { Jobs, JobTable, QueueTable } from '../platform/queue/jobs.js';

/** Every job of Parley: name → data. Handlers: src/jobs. */
export type JobMap = {
  /** `sealed`: the whole mail, so that no code lies in the queue in clear. */
  'mail.send': { messageId: string; sealed: string };
};

export type ParleyJobs = Jobs<JobMap>;

/** How each is treated. */
export const jobTable: JobTable<JobMap> = {
  // Quick at first, because codes live for minutes; the last of them after six hours.
  'mail.send': { queue: 'mail', attempts: 8, backoff: { firstMs: 2_000, factor: 4.5 } },
};

/** How many jobs of a queue one process runs at a time. */
export const queueTable: QueueTable = {
  mail: { concurrency: 5 },
};
