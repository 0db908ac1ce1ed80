import { parseArgs } from 'node:util';
import { loadConfig, type Config } from '../src/config/config.js';
import { readEnvironment } from '../src/config/environment.js';
import { createModels } from '../src/models/index.js';
import { systemClock } from '../src/platform/clock/clock.js';
import { AppError } from '../src/platform/errors/app-error.js';
import { openKeyStore } from '../src/platform/keystore/open-key-store.js';
import { silentLogger } from '../src/platform/logging/logger.js';
import type { DeadLetter, JobQueue } from '../src/platform/queue/jobs.js';
import { createLocalQueue } from '../src/platform/queue/local-queue.js';
import { openRedisQueue } from '../src/platform/queue/redis-queue.js';
import { jobTable, queueTable, type JobMap } from '../src/services/job-map.js';
import { explained } from './client/configured.js';
import { withDatabase } from './client/database.js';
import { exitCode, runTool, Stop } from './client/stop.js';

const USAGE = `The jobs that failed for good (dead letters), and how many wait. May be used while servers run.

npm run jobs -- list              counts of every queue, then the dead letters, newest first
npm run jobs -- requeue <id>      tries one again, with all its attempts
npm run jobs -- requeue-all       tries all of them again
npm run jobs -- discard <id>      forgets one`;

type Queue = JobQueue<JobMap>;

await runTool(async () => {
  const [command, ...ids] = positionalsOf(process.argv.slice(2));
  if (command === undefined || command === 'help') {
    console.log(USAGE);
    return command === undefined ? exitCode.usage : exitCode.ok;
  }
  const run = commandOf(command, ids);
  const config = await explained(() => loadConfig(readEnvironment()));
  try {
    return await withQueue(config, run);
  } catch (error) {
    if (error instanceof AppError && error.code === 'UNAVAILABLE')
      throw new Stop(exitCode.unavailable, 'The queue is out of reach.');
    throw error;
  }
});

function commandOf(command: string, ids: readonly string[]): (queue: Queue) => Promise<number> {
  const [id, ...more] = ids;
  if (command === 'list' && ids.length === 0) return list;
  if (command === 'requeue-all' && ids.length === 0) {
    return async ({ deadLetters }) => {
      console.log(`${await deadLetters.requeueAll()} requeued.`);
      return exitCode.ok;
    };
  }
  if ((command === 'requeue' || command === 'discard') && id !== undefined && more.length === 0) {
    return async ({ deadLetters }) => {
      const found = await deadLetters[command](id);
      console.log(
        found
          ? `${command === 'requeue' ? 'Requeued' : 'Discarded'} ${id}.`
          : `There is no dead letter ${id}.`,
      );
      return found ? exitCode.ok : exitCode.failed;
    };
  }
  throw new Stop(exitCode.usage, USAGE);
}

async function list(queue: Queue): Promise<number> {
  for (const [name, { waiting, active, delayed, dead }] of Object.entries(await queue.counts())) {
    console.log(`${name}: ${waiting} waiting, ${active} active, ${delayed} delayed, ${dead} dead`);
  }
  for (const letter of await queue.deadLetters.list()) console.log(lineOf(letter));
  return exitCode.ok;
}

function lineOf({ id, attempts, reason, failedAt }: DeadLetter): string {
  return `  ${failedAt.toISOString()}  ${id}  ${attempts} ${attempts === 1 ? 'try' : 'tries'}: ${reason}`;
}

/** The queue as the server opens it, without working it. */
async function withQueue(config: Config, use: (queue: Queue) => Promise<number>): Promise<number> {
  const common = { table: jobTable, queues: queueTable, logger: silentLogger };
  if (config.redis === null) {
    return withDatabase(config, ({ connection }) =>
      use(createLocalQueue<JobMap>({ ...common, store: createModels(connection).jobs, clock: systemClock })),
    );
  }
  const { keyPrefix, redis } = config;
  const keyStore = await openKeyStore({ redis, keyPrefix, logger: silentLogger });
  try {
    if (keyStore.connections === null) throw new Error('A key store on Redis has connections.');
    const queue = await openRedisQueue<JobMap>({ ...common, connections: keyStore.connections, keyPrefix });
    try {
      return await use(queue);
    } finally {
      await queue.close();
    }
  } finally {
    await keyStore.close();
  }
}

function positionalsOf(args: string[]): string[] {
  try {
    return parseArgs({ args, allowPositionals: true }).positionals;
  } catch (error) {
    throw new Stop(exitCode.usage, `${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  }
}
