import type { JobHandler } from '../platform/queue/jobs.js';
import type { JobMap } from '../services/job-map.js';
import type { MailDelivery } from '../services/mail.delivery.js';

/** Idempotent by Message-ID. */
export function mailJob(delivery: MailDelivery): JobHandler<JobMap['mail.send']> {
  return (mail, { signal }) => delivery.deliver(mail, { signal });
}
