import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { NotAlone, registerProcess } from '../../src/app/sole-process.js';
import { newId } from '../../src/models/ids.js';
import type { NodeDoc, NodeModel } from '../../src/models/node.model.js';
import { silentLogger } from '../../src/platform/logging/logger.js';
import { startTestDatabase, type TestDatabase } from '../support/database.js';
import { modelsOn } from '../support/message-logs.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { scene } from '../support/scene.js';
import { startServer } from '../support/server.js';

let database: TestDatabase;
let nodes: NodeModel;
const leaves: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  database = await startTestDatabase();
  ({ nodes } = await modelsOn((await database.connect()).connection));
});

afterEach(async () => {
  for (const leave of leaves.splice(0)) await leave();
  await nodes.model.deleteMany({});
});

afterAll(() => database.close());

async function register(keyStore: NodeDoc['keyStore']): Promise<string> {
  const nodeId = newId().toHexString();
  leaves.push(await registerProcess({ nodes, nodeId, keyStore, logger: silentLogger }));
  return nodeId;
}

const secondsAgo = (seconds: number): Date => new Date(Date.now() - seconds * 1_000);

/** The entry of another process, as it left it. */
async function entry(other: Partial<NodeDoc>): Promise<string> {
  const _id = newId().toHexString();
  const node: NodeDoc = { _id, keyStore: 'memory', host: hostname(), pid: 1, aliveAt: new Date(), ...other };
  await nodes.beat(node);
  return _id;
}

const entries = async (): Promise<string[]> => (await nodes.findOthers('')).map((node) => node._id).sort();

/** The id of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(child, 'exit');
  return child.pid ?? 0;
}

describe('processes on one database', () => {
  test.each([
    ['memory', 'memory'],
    ['memory', 'redis'],
    ['redis', 'memory'],
  ] as const)(
    'with their key store in %s and %s: the second refuses, and says how to put it right',
    async (a, b) => {
      const first = await register(a);
      const refused = register(b);
      await expect(refused).rejects.toBeInstanceOf(NotAlone);
      await expect(refused).rejects.toThrow(new RegExp(`pid ${process.pid} on .*\\nFix: set REDIS_URL`));
      expect(await entries()).toEqual([first]);
    },
  );

  test('that share a Redis may be as many as they like', async () => {
    const ids = [await register('redis'), await register('redis'), await register('redis')];
    expect(await entries()).toEqual(ids.sort());
  });

  test('that leave in order make room at once', async () => {
    await register('memory');
    await leaves.pop()?.();
    expect(await entries()).toEqual([]);
    await register('memory');
  });

  test('that start at the same moment are never both let in', async () => {
    const started = await Promise.allSettled([register('memory'), register('memory'), register('redis')]);
    expect(started.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(1);
  });
});

describe('what a process that died without a word has left', () => {
  test('does not stand in the way: its pid is gone from this machine', async () => {
    await entry({ pid: await deadPid() });
    const id = await register('memory');
    expect(await entries()).toEqual([id]);
  });

  test('does not stand in the way once its beat is overdue, wherever it ran', async () => {
    await entry({ host: 'another-machine', aliveAt: secondsAgo(16) });
    await entry({ pid: process.ppid, aliveAt: secondsAgo(16) });
    const id = await register('memory');
    expect(await entries()).toEqual([id]);
  });

  test('on another machine is waited for until its beat is overdue', async () => {
    await entry({ host: 'another-machine', aliveAt: secondsAgo(13) });
    const id = await register('memory');
    expect(await entries()).toEqual([id]);
  });

  // A container that is started again has the host name and the process id of the one before.
  test('under the host name and the pid that are ours now does not keep us out', async () => {
    await entry({ pid: process.pid, aliveAt: secondsAgo(13) });
    const id = await register('memory');
    expect(await entries()).toEqual([id]);
  });

  test('does not keep us out when its pid belongs to another program by now', async () => {
    await entry({ pid: process.ppid, aliveAt: secondsAgo(13) });
    const id = await register('memory');
    expect(await entries()).toEqual([id]);
  });
});

describe('a process on another machine', () => {
  let beating: NodeJS.Timeout;
  let rival: string;

  beforeEach(async () => {
    rival = await entry({ host: 'another-machine', pid: 4_711 });
    const beat = (): Promise<void> =>
      nodes.beat({
        _id: rival,
        keyStore: 'memory',
        host: 'another-machine',
        pid: 4_711,
        aliveAt: new Date(),
      });
    beating = setInterval(() => void beat(), 500);
  });

  afterEach(() => clearInterval(beating));

  test('that goes on beating is alive: we refuse', async () => {
    await expect(register('memory')).rejects.toThrow('pid 4711 on another-machine');
    expect(await entries()).toEqual([rival]);
  });
});

describe('whole servers on one database', () => {
  let redis: TestRedis;

  beforeAll(async () => {
    redis = await startRedis();
  });

  afterAll(() => redis.stop());

  test('the second without Redis does not start, whatever the first has, and the first goes on', async () => {
    const first = await startServer({ mongoUri: database.uri, redisUrl: redis.url });
    const second = await startServer({ mongoUri: database.uri, redisUrl: redis.url });
    await expect(startServer({ mongoUri: database.uri })).rejects.toBeInstanceOf(NotAlone);
    const { ann, bob } = await scene(first).people('ann', 'bob');
    const chat = await scene(second).direct(ann, bob);
    expect(await ann.sends(chat._id, 'still here')).toMatchObject({ seq: 1 });
    await Promise.all([first.close(), second.close()]);

    const alone = await startServer({ mongoUri: database.uri });
    await expect(startServer({ mongoUri: database.uri })).rejects.toBeInstanceOf(NotAlone);
    await expect(startServer({ mongoUri: database.uri, redisUrl: redis.url })).rejects.toBeInstanceOf(
      NotAlone,
    );
    const again = await ann.rest('GET', `/api/chats/${chat._id}`, undefined, alone.url);
    expect(again.status).toBe(200);
    await alone.close();
    expect(await entries()).toEqual([]);
  });
});
