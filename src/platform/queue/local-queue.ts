import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock/clock.js';
import { toAppError } from '../errors/to-app-error.js';
import type { Logger } from '../logging/logger.js';
import type { JobRecord, JobStore } from './job-store.js';
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
  store: JobStore;
  table: JobTable<Map>;
  queues: QueueTable;
  clock: Clock;
  logger: Logger;
  random?: () => number;
};

/** Only for what others put into the store (a requeue by a tool): our own jobs are known at once. */
const LOOK_EVERY_MS = 5_000;
const WRITE_AGAIN_MS = 1_000;
const SWEEP_EVERY_MS = 600_000;

type Queue = {
  name: string;
  free: number;
  timer: NodeJS.Timeout | null;
  /** `again`: something came while we looked. */
  look: 'idle' | 'looking' | 'again';
};

/**
 * The queue of a deployment that is one process without Redis. Jobs lie in the store before they are run and until they
 * are done, so a crash loses none; what was running then is run again.
 */
export function createLocalQueue<Map>({
  store,
  table,
  queues: queueTable,
  clock,
  logger,
  random = Math.random,
}: Deps<Map>): JobQueue<Map> {
  const running = createRunning();
  const handlers: { all: Readonly<Record<string, JobHandler<unknown>>> | null } = { all: null };
  const state = { stopped: false };
  const queues: Queue[] = Object.entries(queueTable).map(([name, { concurrency }]) => ({
    ...{ name, free: concurrency, timer: null },
    look: 'idle',
  }));
  const sweeper: { timer: NodeJS.Timeout | null } = { timer: null };
  const settling = new Set<Promise<void>>();
  const rowOf = (name: string) => table[name as keyof Map & string];

  /** Writes that end a job are tried until they succeed: a job that is done must not stay "running". */
  async function insist(write: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        if (state.stopped) throw error;
        logger.debug('the job store does not answer', { error });
        await new Promise((resolve) => setTimeout(resolve, WRITE_AGAIN_MS).unref());
      }
    }
  }

  async function settle(job: JobRecord): Promise<void> {
    const handler = handlers.all?.[job.name];
    const context = { id: job.id, attempt: job.attempts + 1, signal: running.signal };
    const outcome = await running.run(async () => {
      if (handler === undefined) throw new GiveUp('There is no such job in this version.');
      await handler(JSON.parse(job.data), context);
    });
    if (outcome.kind === 'done') return insist(() => store.finish(job.id, new Date(clock())));
    if (outcome.kind === 'given-back') return insist(() => store.retry(job.id, new Date(clock()), null));
    const { error } = outcome;
    const row = rowOf(job.name);
    const fields = { job: job.id, queue: job.queue, attempt: context.attempt, reason: reasonOf(error) };
    if (error instanceof GiveUp || row === undefined || context.attempt >= row.attempts) {
      logger.error('a job has failed for good', fields);
      return insist(() => store.bury(job.id, new Date(clock()), fields.reason));
    }
    logger.warn('a job has failed and will be tried again', fields);
    const at = new Date(clock() + retryDelayMs(row, context.attempt, random));
    return insist(() => store.retry(job.id, at, fields.reason));
  }

  function lookIn(queue: Queue, ms: number): void {
    if (state.stopped || handlers.all === null) return;
    if (queue.look !== 'idle') {
      queue.look = 'again';
      return;
    }
    if (queue.timer !== null) clearTimeout(queue.timer);
    queue.timer = setTimeout(() => void look(queue), Math.max(0, Math.min(ms, LOOK_EVERY_MS))).unref();
  }

  function start(queue: Queue, job: JobRecord): void {
    queue.free -= 1;
    const settled = settle(job)
      .catch((error: unknown) => logger.error('a job could not be settled', { job: job.id, error }))
      .then(() => {
        settling.delete(settled);
        queue.free += 1;
        lookIn(queue, 0);
      });
    settling.add(settled);
  }

  /** Starts what is due, as far as there is room; answers when to look again. */
  async function startDue(queue: Queue): Promise<number> {
    try {
      while (queue.free > 0 && !state.stopped) {
        const job = await store.claim(queue.name, new Date(clock()));
        if (job === null) break;
        start(queue, job);
      }
      const due = queue.free === 0 ? null : await store.nextDue(queue.name);
      return due === null ? LOOK_EVERY_MS : due.getTime() - clock();
    } catch (error) {
      logger.debug('the job store does not answer', { error });
      return LOOK_EVERY_MS;
    }
  }

  async function look(queue: Queue): Promise<void> {
    queue.look = 'looking';
    const ms = await startDue(queue);
    const again = (queue.look as Queue['look']) === 'again';
    queue.look = 'idle';
    lookIn(queue, again ? 0 : ms);
  }

  const sweep = (): void => {
    const now = clock();
    store
      .sweep({ done: new Date(now - DONE_KEPT_MS), dead: new Date(now - DEAD_KEPT_MS) })
      .catch((error: unknown) => logger.debug('old jobs could not be deleted', { error }));
  };

  async function revive(id: string | null): Promise<number> {
    const count = await answered(() => store.revive(id, new Date(clock())));
    for (const queue of queues) lookIn(queue, 0);
    return count;
  }

  async function drain(): Promise<void> {
    state.stopped = true;
    for (const { timer } of queues) if (timer !== null) clearTimeout(timer);
    if (sweeper.timer !== null) clearInterval(sweeper.timer);
    await running.stop();
    await Promise.all(settling);
  }

  return {
    add: async (name, data, { id = randomUUID(), delayMs = 0 } = {}) => {
      const now = clock();
      const { queue } = table[name];
      const job = {
        id: jobIdOf(name, id),
        name,
        queue,
        data: JSON.stringify(data),
        attempts: 0,
        reason: null,
      };
      await answered(() => store.insert({ ...job, createdAt: new Date(now), at: new Date(now + delayMs) }));
      const mine = queues.find((each) => each.name === queue);
      if (mine !== undefined) lookIn(mine, 0);
    },

    work: async (all) => {
      await store.recover(new Date(clock()), MAX_CRASHES);
      handlers.all = all as unknown as Readonly<Record<string, JobHandler<unknown>>>;
      sweep();
      sweeper.timer = setInterval(sweep, SWEEP_EVERY_MS).unref();
      for (const queue of queues) lookIn(queue, 0);
    },

    deadLetters: {
      list: async ({ limit = 100 } = {}) => (await answered(() => store.dead(limit))).map(letterOf),
      requeue: async (id) => (await revive(id)) > 0,
      requeueAll: () => revive(null),
      discard: (id) => answered(() => store.discard(id)),
    },

    counts: async () => {
      const rows = await answered(() => store.counts(new Date(clock())));
      return Object.fromEntries(
        queues.map(({ name }) => {
          const { queue: _queue, ...counts } = rows.find(({ queue }) => queue === name) ?? {
            queue: name,
            ...NONE,
          };
          return [name, counts];
        }),
      );
    },

    ping: async () => {
      const start = performance.now();
      await answered(() => store.ping());
      return performance.now() - start;
    },

    drain,
    close: drain,
  };
}

const NONE = { waiting: 0, active: 0, delayed: 0, dead: 0 };

async function answered<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw toAppError(error);
  }
}

function letterOf({ id, name, queue, attempts, createdAt, at, reason }: JobRecord): DeadLetter {
  return { id, name, queue, attempts, reason: reason ?? '', addedAt: createdAt, failedAt: at };
}
