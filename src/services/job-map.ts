import type { Jobs } from '../platform/queue/jobs.js';

/** Every job of Parley: name → data. Handlers: src/jobs. */
export type JobMap = {
  /** `sealed`: the whole mail, so that no code lies in the queue in clear. */
  'mail.send': { messageId: string; sealed: string };
};

export type ParleyJobs = Jobs<JobMap>;
