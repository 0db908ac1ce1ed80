import type { JobHandlers } from '../platform/queue/jobs.js';
import type { JobMap } from '../services/job-map.js';
import type { MailDelivery } from '../services/mail.delivery.js';
import { mailJob } from './mail.job.js';

/** What the jobs call. */
type Services = { mail: MailDelivery };

/** Every job and what it does. */
export function jobHandlers({ mail }: Services): JobHandlers<JobMap> {
  return { 'mail.send': mailJob(mail) };
}
