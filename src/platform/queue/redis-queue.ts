import { randomUUID } from 'node:crypto';
import { Queue, UnrecoverableError, WaitingError, Worker, type Job } from 'bullmq';
import type { Logger } from '../logging/logger.js';
import { within } from '../clock/within.js';
import type { RedisConnections } from '../redis/connect.js';
import { linkTo } from '../redis/link.js';
import { unavailable } from '../redis/redis-errors.js';
import {
  GiveUp,
  type DeadLetter,
  type JobHandler,
  type JobQueue,
  type JobTable,
  type QueueTable,
} from './jobs.js';
import { DEAD_KEPT_MS, DONE_KEPT_MS, jobIdOf, MAX_CRASHES, reasonOf, retryDelayMs } from './retries.js';
import { createRunning } from './running.js';

type Deps<Map> = {
  connections: RedisConnections;
  keyPrefix: string;
  table: JobTable<Map>;
  queues: QueueTable;
  logger: Logger;
  random?: () => number;
};

/** How long Redis may take to answer, and how long a break of the connection is waited for. */
const ANSWER_MS = 2_000;
const START_MS = 10_000;
/** A job whose worker has not spoken for so long is given to another. */
const LOCK_MS = 10_000;
const STALLED_CHECK_MS = 5_000;
const REQUEUED_AT_ONCE = 100;
/** BullMQ's journal of events, which nobody here reads. */
const EVENTS_KEPT = 100;

/**
 * The queue on Redis, by BullMQ. All keys stand under `<KEY_PREFIX>{jobs}`: one slot of a Redis Cluster, because
 * BullMQ's scripts touch several keys at once. Adding uses a connection that fails fast, working connections that wait.
 */
export async function openRedisQueue<Map>(deps: Deps<Map>): Promise<JobQueue<Map>> {
  const { connections, keyPrefix, table, queues: queueTable, logger, random = Math.random } = deps;
  const prefix = `${keyPrefix}{jobs}`;
  const client = connections.duplicate('commands', 'jobs');
  const link = linkTo(client, { graceMs: ANSWER_MS, startMs: START_MS });
  const run = async <T>(command: () => Promise<T>): Promise<T> => {
    try {
      if (!link.isReady()) await link.whenReady();
      return await within(command(), ANSWER_MS, 'Redis');
    } catch (error) {
      throw unavailable(error);
    }
  };

  const queues = Object.keys(queueTable).map((name) => {
    const queue = new Queue(name, {
      connection: client,
      prefix,
      streams: { events: { maxLen: EVENTS_KEPT } },
      defaultJobOptions: {
        removeOnComplete: { age: DONE_KEPT_MS / 1_000 },
        removeOnFail: { age: DEAD_KEPT_MS / 1_000 },
        backoff: { type: 'custom' },
        stackTraceLimit: 0,
      },
    });
    // Each failure reaches who asked, and outages are logged by the connection.
    queue.on('error', (error) => logger.debug('the queue reports', { queue: name, reason: reasonOf(error) }));
    return queue;
  });
  const queueOf = (name: string): Queue | undefined => queues.find((queue) => queue.name === name);
  const rowOf = (name: string) => table[name as keyof Map & string];
  const running = createRunning();
  const working: { workers: Worker[]; client: ReturnType<RedisConnections['duplicate']> | null } = {
    workers: [],
    client: null,
  };

  /** What BullMQ is told of a handler's outcome: nothing, or by an error of the kind it knows. */
  async function process(handler: JobHandler<unknown> | undefined, job: Job, token: string): Promise<void> {
    const context = { id: job.id ?? '', attempt: job.attemptsMade + 1, signal: running.signal };
    const outcome = await running.run(async () => {
      if (handler === undefined) throw new GiveUp('There is no such job in this version.');
      await handler(job.data, context);
    });
    if (outcome.kind === 'done') return;
    if (outcome.kind === 'given-back') {
      await job.moveToWait(token);
      throw new WaitingError();
    }
    // Its text goes to Redis.
    const reason = reasonOf(outcome.error);
    throw withoutStack(outcome.error instanceof GiveUp ? new UnrecoverableError(reason) : new Error(reason));
  }

  function workerOn(name: string, handlers: Readonly<Record<string, JobHandler<unknown>>>): Worker {
    const worker = new Worker(name, (job, token = '') => process(handlers[job.name], job, token), {
      connection: (working.client ??= connections.duplicate('queue', 'workers')),
      prefix,
      concurrency: queueTable[name]?.concurrency ?? 1,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_CHECK_MS,
      maxStalledCount: MAX_CRASHES,
      runRetryDelay: 1_000,
      settings: {
        backoffStrategy: (attempt, _type, _error, job) => {
          const row = job === undefined ? undefined : rowOf(job.name);
          return row === undefined ? -1 : retryDelayMs(row, attempt, random);
        },
      },
    });
    worker.on('error', (error) => logger.debug('a worker reports', { queue: name, reason: reasonOf(error) }));
    worker.on('failed', (job, error) => {
      const fields = { job: job?.id, queue: name, attempt: job?.attemptsMade, reason: error.message };
      if (job?.finishedOn === undefined) logger.warn('a job has failed and will be tried again', fields);
      else logger.error('a job has failed for good', fields);
    });
    return worker;
  }

  try {
    await run(() => Promise.all(queues.map((queue) => queue.waitUntilReady())));
  } catch (error) {
    link.close();
    client.disconnect();
    throw error;
  }

  const revive = async (job: Job): Promise<boolean> => {
    try {
      await run(() => job.retry('failed', { resetAttemptsMade: true, resetAttemptsStarted: true }));
      return true;
    } catch (error) {
      // Somebody else was faster.
      if ((await run(() => job.isFailed())) === false) return false;
      throw error;
    }
  };
  const deadOf = (queue: Queue, limit: number): Promise<Job[]> =>
    run(() => queue.getJobs(['failed'], 0, limit - 1));
  const findDead = async (id: string): Promise<Job | null> => {
    for (const queue of queues) {
      const job = (await run(() => queue.getJob(id))) as Job | undefined;
      if (job !== undefined && (await run(() => job.isFailed()))) return job;
    }
    return null;
  };

  return {
    add: async (name, data, { id = randomUUID(), delayMs = 0 } = {}) => {
      const row = table[name];
      const options = { jobId: jobIdOf(name, id), attempts: row.attempts, delay: delayMs };
      await run(async () => queueOf(row.queue)?.add(name, data, options));
    },

    work: async (handlers) => {
      const all = handlers as unknown as Readonly<Record<string, JobHandler<unknown>>>;
      working.workers = Object.keys(queueTable).map((name) => workerOn(name, all));
      await Promise.resolve();
    },

    deadLetters: {
      list: async ({ limit = 100 } = {}) => {
        const jobs = (await Promise.all(queues.map((queue) => deadOf(queue, limit)))).flat();
        const letters = jobs.map(letterOf);
        return letters.sort((a, b) => b.failedAt.getTime() - a.failedAt.getTime()).slice(0, limit);
      },
      requeue: async (id) => {
        const job = await findDead(id);
        return job === null ? false : revive(job);
      },
      requeueAll: async () => {
        let count = 0;
        for (const queue of queues) {
          for (let more = true; more;) {
            const revived = await Promise.all((await deadOf(queue, REQUEUED_AT_ONCE)).map(revive));
            more = revived.includes(true);
            count += revived.filter(Boolean).length;
          }
        }
        return count;
      },
      discard: async (id) => {
        const job = await findDead(id);
        if (job === null) return false;
        await run(() => job.remove());
        return true;
      },
    },

    counts: async () => {
      const entries = queues.map(async (queue) => {
        const counts = await run(() =>
          queue.getJobCounts('wait', 'prioritized', 'active', 'delayed', 'failed'),
        );
        const of = (state: string): number => counts[state] ?? 0;
        const waiting = of('wait') + of('prioritized');
        return [
          queue.name,
          { waiting, active: of('active'), delayed: of('delayed'), dead: of('failed') },
        ] as const;
      });
      return Object.fromEntries(await Promise.all(entries));
    },

    ping: async () => {
      const start = performance.now();
      await run(() => client.exists(`${prefix}:ping`));
      const idle = working.workers.find((worker) => !worker.isRunning());
      if (idle !== undefined) throw new Error(`The worker of ${idle.name} does not run.`);
      return performance.now() - start;
    },

    drain: async () => {
      // Takes no more, and waits for what runs: which `stop` sees to.
      const closing = working.workers.map((worker) => worker.close());
      await running.stop();
      await Promise.all(closing);
    },

    close: async () => {
      await Promise.all(working.workers.map((worker) => worker.close()));
      await Promise.all(queues.map((queue) => queue.close()));
      link.close();
      for (const each of [working.client, client]) {
        if (each?.status === 'ready') await within(each.quit(), ANSWER_MS, 'Redis').catch(() => undefined);
        each?.disconnect();
      }
    },
  };
}

/** Stacks are kept in Redis too, and say nothing that the reason does not. */
function withoutStack(error: Error): Error {
  error.stack = error.message;
  return error;
}

function letterOf(job: Job): DeadLetter {
  return {
    id: job.id ?? '',
    name: job.name,
    queue: job.queueName,
    attempts: job.attemptsMade,
    reason: job.failedReason,
    addedAt: new Date(job.timestamp),
    failedAt: new Date(job.finishedOn ?? job.timestamp),
  };
}
