import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createModels } from '../../src/models/index.js';
import { openKeyStore, type OpenedKeyStore } from '../../src/platform/keystore/open-key-store.js';
import { silentLogger } from '../../src/platform/logging/logger.js';
import { GiveUp, type JobContext, type JobQueue, type JobTable } from '../../src/platform/queue/jobs.js';
import { openQueue } from '../../src/platform/queue/open-queue.js';
import { retryDelayMs } from '../../src/platform/queue/retries.js';
import { jobTable } from '../../src/services/job-map.js';
import { startTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { startRedis, type TestRedis } from '../support/redis.js';

type Map = { 'work.do': { what: string }; 'slow.do': { what: string } };
type Handler = (data: { what: string }, job: JobContext) => Promise<void>;

const backoff = { firstMs: 30, factor: 1.5 };
const table: JobTable<Map> = {
  'work.do': { queue: 'work', attempts: 3, backoff },
  'slow.do': { queue: 'slow', attempts: 3, backoff },
};
const queues = { work: { concurrency: 3 }, slow: { concurrency: 1 } };

describe.each(['in this process', 'on Redis'])('the queue %s', (kind) => {
  let database: TestDatabase;
  let redis: TestRedis | null = null;
  const opened: { queue: JobQueue<Map>; keyStore: OpenedKeyStore }[] = [];

  beforeAll(async () => {
    database = await startTestDatabase();
    redis = kind === 'on Redis' ? await startRedis() : null;
  });
  afterEach(async () => {
    for (const { queue, keyStore } of opened.splice(0)) {
      await queue.drain();
      await queue.close();
      await keyStore.close();
    }
  });
  afterAll(async () => {
    await redis?.stop();
    await database.close();
  });

  /** A process of the deployment `keyPrefix`; `handler` absent: it only adds. */
  async function open(keyPrefix: string, handler?: Handler): Promise<JobQueue<Map>> {
    const keyStore = await openKeyStore({
      redis: redis === null ? null : { url: redis.url },
      keyPrefix,
      logger: silentLogger,
    });
    const models = createModels((await database.connect()).connection);
    if (redis === null && opened.length === 0) await models.jobs.model.deleteMany({});
    const queue = await openQueue<Map>({
      ...{ connections: keyStore.connections, keyPrefix, store: models.jobs },
      ...{ table, queues, clock: Date.now, logger: silentLogger },
    });
    opened.push({ queue, keyStore });
    if (handler !== undefined) await queue.work({ 'work.do': handler, 'slow.do': handler });
    return queue;
  }
  const fresh = (): string => `${randomUUID()}:`;

  test('runs a job once, however often it is added by the same id', async () => {
    const runs: string[] = [];
    const queue = await open(fresh(), async ({ what }) => void runs.push(what));
    const id = 'a:b/<c>@d';
    await Promise.all([1, 2, 3].map(() => queue.add('work.do', { what: 'once' }, { id })));
    await eventually(() => expect(runs).toEqual(['once']));
    await queue.add('work.do', { what: 'once' }, { id });
    await queue.add('work.do', { what: 'after' });
    await eventually(() => expect(runs).toContain('after'));
    expect(runs).toEqual(['once', 'after']);
  });

  test('waits for the time of a job', async () => {
    const ran: number[] = [];
    const queue = await open(fresh(), async () => void ran.push(Date.now()));
    const start = Date.now();
    await queue.add('work.do', { what: 'later' }, { delayMs: 400 });
    await eventually(async () => expect((await queue.counts())['work']).toMatchObject({ delayed: 1 }));
    await eventually(() => expect(ran).toHaveLength(1));
    expect((ran[0] ?? 0) - start).toBeGreaterThanOrEqual(390);
  });

  test('tries again what failed, and no more often than it may', async () => {
    const attempts: number[] = [];
    const queue = await open(fresh(), async ({ what }, { attempt }) => {
      attempts.push(attempt);
      if (what === 'never' || attempt < 3) throw new Error('not ann@example.org, password="hunter2"');
    });
    await queue.add('work.do', { what: 'third time' });
    await eventually(() => expect(attempts).toEqual([1, 2, 3]));
    expect(await queue.deadLetters.list()).toEqual([]);

    await queue.add('work.do', { what: 'never' }, { id: 'never' });
    const [letter] = await eventually(async () => {
      const list = await queue.deadLetters.list();
      expect(list).toHaveLength(1);
      return list;
    });
    expect(letter).toMatchObject({ id: 'work.do.never', name: 'work.do', queue: 'work', attempts: 3 });
    expect(letter?.reason).not.toMatch(/ann@|hunter2/);
    expect(attempts).toEqual([1, 2, 3, 1, 2, 3]);
  });

  test('keeps dead letters until they are tried again or forgotten', async () => {
    const state = { broken: true };
    const done: string[] = [];
    const queue = await open(fresh(), async ({ what }) => {
      if (state.broken) throw new GiveUp('no way');
      done.push(what);
    });
    for (const what of ['a', 'b', 'c', 'd']) await queue.add('work.do', { what }, { id: what });
    await eventually(async () => expect(await queue.deadLetters.list()).toHaveLength(4));
    const [newest] = await queue.deadLetters.list({ limit: 1 });
    expect(newest).toMatchObject({ attempts: 1, reason: 'no way' });
    expect((await queue.counts())['work']).toEqual({ waiting: 0, active: 0, delayed: 0, dead: 4 });

    expect(await queue.deadLetters.discard('work.do.d')).toBe(true);
    expect(await queue.deadLetters.discard('work.do.d')).toBe(false);
    expect(await queue.deadLetters.requeue('work.do.nobody')).toBe(false);
    state.broken = false;
    expect(await queue.deadLetters.requeue('work.do.a')).toBe(true);
    await eventually(() => expect(done).toEqual(['a']));
    expect(await queue.deadLetters.requeue('work.do.a')).toBe(false);
    expect(await queue.deadLetters.requeueAll()).toBe(2);
    await eventually(() => expect([...done].sort()).toEqual(['a', 'b', 'c']));
    await eventually(async () =>
      expect((await queue.counts())['work']).toMatchObject({ dead: 0, active: 0 }),
    );
  });

  test('gives back at the end of the process what it could not finish, and that was no try', async () => {
    const prefix = fresh();
    const seen: string[] = [];
    const first = await open(prefix, (_data, { signal, attempt }) => {
      seen.push(`first ${attempt}`);
      return new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(new Error('stopped'))),
      );
    });
    await first.add('slow.do', { what: 'long' });
    await eventually(() => expect(seen).toEqual(['first 1']));
    await first.drain();
    await first.add('slow.do', { what: 'added while draining' });
    await open(prefix, async ({ what }, { attempt }) => void seen.push(`second ${what} ${attempt}`));
    await eventually(() => expect(seen).toHaveLength(3));
    expect([...seen].sort()).toEqual(['first 1', 'second added while draining 1', 'second long 1']);
  });

  test('one kind of work does not hold up another, and its own no more than it must', async () => {
    const gate: { open: () => void } = { open: () => undefined };
    const shut = new Promise<void>((resolve) => (gate.open = resolve));
    const done: string[] = [];
    const queue = await open(fresh(), async ({ what }) => {
      if (what === 'wait') await shut;
      done.push(what);
    });
    for (let n = 0; n < 3; n += 1) await queue.add('slow.do', { what: 'wait' });
    await eventually(async () =>
      expect((await queue.counts())['slow']).toMatchObject({ active: 1, waiting: 2 }),
    );
    await queue.add('work.do', { what: 'quick' });
    await eventually(() => expect(done).toEqual(['quick']));
    gate.open();
    await eventually(() => expect(done).toHaveLength(4));
  });

  test('answers a ping, and says which job it does not know', async () => {
    const queue = await open(fresh(), async () => undefined);
    expect(await queue.ping()).toBeLessThan(2_000);
  });

  if (kind === 'on Redis') {
    test('runs every job once on two nodes, and none where it is not asked to work', async () => {
      const prefix = fresh();
      const ran: string[] = [];
      const adding = await open(prefix);
      await open(prefix, async ({ what }) => void ran.push(what));
      await open(prefix, async ({ what }) => void ran.push(what));
      const all = Array.from({ length: 60 }, (_, n) => `job ${n}`);
      await Promise.all(all.map((what) => adding.add('work.do', { what })));
      await eventually(() => expect(ran).toHaveLength(60));
      expect(new Set(ran).size).toBe(60);
    });

    test('says that it is out of reach while Redis is, and goes on afterwards', async () => {
      const own = await startRedis();
      const ran: string[] = [];
      const keyStore = await openKeyStore({ redis: { url: own.url }, keyPrefix: '', logger: silentLogger });
      const { jobs } = createModels((await database.connect()).connection);
      const queue = await openQueue<Map>({
        ...{ connections: keyStore.connections, keyPrefix: '', store: jobs, table, queues },
        ...{ clock: Date.now, logger: silentLogger },
      });
      opened.push({ queue, keyStore });
      const handler: Handler = async ({ what }) => void ran.push(what);
      await queue.work({ 'work.do': handler, 'slow.do': handler });
      own.freeze();
      await expect(queue.add('work.do', { what: 'lost' })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await expect(queue.ping()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await own.kill();
      await own.restart();
      await eventually(() => queue.add('work.do', { what: 'kept' }, { id: 'kept' }));
      await eventually(() => expect(ran).toContain('kept'), { timeoutMs: 20_000 });
      await queue.close();
      await own.stop();
    });
  } else {
    test('runs again what the process before this one was running when it died', async () => {
      const seen: string[] = [];
      const dead = await open('', () => new Promise(() => seen.push('first')));
      await dead.add('work.do', { what: 'x' });
      await eventually(() => expect(seen).toEqual(['first']));
      await open('', async () => void seen.push('second'));
      // The dead one lives on in this test, and may be the one that finds it waiting.
      await eventually(() => expect(seen).toHaveLength(2), { timeoutMs: 15_000 });
    });

    test('notices within seconds what a tool has requeued', async () => {
      const state = { broken: true };
      const ran: string[] = [];
      const server = await open('', async ({ what }) => {
        if (state.broken) throw new GiveUp('broken');
        ran.push(what);
      });
      await server.add('work.do', { what: 'x' });
      await eventually(async () => expect(await server.deadLetters.list()).toHaveLength(1));
      state.broken = false;
      const tool = await open('');
      expect(await tool.deadLetters.requeueAll()).toBe(1);
      await eventually(() => expect(ran).toEqual(['x']), { timeoutMs: 15_000 });
    });
  }
});

test('mail is tried eight times over hours: quickly at first, then ever more slowly, spread by half', () => {
  const row = jobTable['mail.send'];
  const waits = (random: number): number[] =>
    Array.from(
      { length: row.attempts - 1 },
      (_, index) => retryDelayMs(row, index + 1, () => random) / 1_000,
    );
  const [slowest, quickest] = [waits(1), waits(0)];
  expect(slowest).toHaveLength(7);
  expect(slowest[0]).toBe(2);
  for (const [index, seconds] of quickest.entries()) expect(seconds * 2).toBeCloseTo(slowest[index] ?? 0, 1);
  expect(slowest.reduce((sum, seconds) => sum + seconds, 0) / 3_600).toBeCloseTo(5.9, 1);
});
