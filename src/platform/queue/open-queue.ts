import type { Clock } from '../clock/clock.js';
import type { Logger } from '../logging/logger.js';
import type { RedisConnections } from '../redis/connect.js';
import type { JobStore } from './job-store.js';
import type { JobQueue, JobTable, QueueTable } from './jobs.js';
import { createLocalQueue } from './local-queue.js';
import { openRedisQueue } from './redis-queue.js';

/** The queue on Redis, or in this process (over `store`) where there is no Redis. Works nothing until `work` is called. */
export async function openQueue<Map>(options: {
  connections: RedisConnections | null;
  keyPrefix: string;
  store: JobStore;
  table: JobTable<Map>;
  queues: QueueTable;
  clock: Clock;
  logger: Logger;
}): Promise<JobQueue<Map>> {
  const { connections, ...rest } = options;
  return connections === null ? createLocalQueue(rest) : openRedisQueue({ connections, ...rest });
}
