import { afterEach, describe, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createCluster, type Cluster, type RejoinReason } from '../../src/platform/cluster/cluster.js';
import type { KeyStore } from '../../src/platform/keystore/key-store.js';
import { openMemoryKeyStore } from '../../src/platform/keystore/memory-key-store.js';
import { openRedisKeyStore } from '../../src/platform/keystore/redis-key-store.js';
import { silentLogger } from '../../src/platform/logging/logger.js';
import { eventually } from '../support/eventually.js';
import { redisCommand, startRedis, type TestRedis } from '../support/redis.js';

/** One node as a process would have it: a connection of its own, and a record of what happened to it. */
type Node = {
  cluster: Cluster;
  store: KeyStore;
  heard: unknown[];
  lost: string[];
  rejoined: RejoinReason[];
  /** As kill -9 would: no goodbye, no more answers. */
  die(): Promise<void>;
};

const leaseMs = 600;
const heartbeatMs = 100;
const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function redisServer(): Promise<TestRedis> {
  const redis = await startRedis();
  closers.push(() => redis.stop());
  return redis;
}

async function startNode(redis: TestRedis, nodeName: string): Promise<Node> {
  const store = await openRedisKeyStore({ redis: { url: redis.url }, keyPrefix: '', logger: silentLogger });
  const cluster = createCluster({
    keyStore: store,
    logger: silentLogger,
    nodeName,
    leaseMs,
    heartbeatMs,
    answerTimeoutMs: 500,
  });
  const node: Node = { cluster, store, heard: [], lost: [], rejoined: [], die: () => store.close() };
  cluster.on('news', (payload) => void node.heard.push(payload));
  cluster.onNodeLost(async (nodeId) => void node.lost.push(nodeId));
  cluster.onRejoined((reason) => void node.rejoined.push(reason));
  await cluster.start();
  closers.push(async () => {
    await cluster.close();
    await store.close();
  });
  return node;
}

/** A node that is a process of its own; `lines` is what it said. */
async function startProcess(
  redis: TestRedis,
): Promise<{ process: ChildProcess; nodeId: string; lines: () => string[] }> {
  const script = fileURLToPath(new URL('../support/cluster-node.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script, redis.url, String(leaseMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  closers.push(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
  const nodeId = await eventually(() => {
    const id = /^started (\S+)$/m.exec(output)?.[1];
    if (id === undefined) throw new Error(`The child process has not started: ${output}`);
    return id;
  });
  return { process: child, nodeId, lines: () => output.split('\n') };
}

const startNodes = (redis: TestRedis, ...names: string[]): Promise<Node[]> =>
  Promise.all(names.map((name) => startNode(redis, name)));

const idsOf = (nodes: Node[]): string[] => nodes.map(({ cluster }) => cluster.nodeId).sort();

async function see(node: Node, nodes: Node[]): Promise<void> {
  await eventually(async () => expect([...(await node.cluster.liveNodes())].sort()).toEqual(idsOf(nodes)));
}

describe('alone, with the key store in memory', () => {
  test('telling runs the local handlers, whatever they throw', async () => {
    const cluster = createCluster({ keyStore: openMemoryKeyStore(), logger: silentLogger, nodeName: 'only' });
    const heard: unknown[] = [];
    cluster.on('a', () => {
      throw new Error('first');
    });
    cluster.on('a', async (payload) => void heard.push(payload));
    await cluster.start();
    await cluster.tellAll('a', { n: 1 });
    cluster.tell('a', 2);
    await cluster.tellAll('nobody', null);
    expect(heard).toEqual([{ n: 1 }, 2]);
    expect([...(await cluster.liveNodes())]).toEqual([cluster.nodeId]);
    await cluster.close();
  });
});

describe('over one Redis', () => {
  test('tellAll resolves when every node has finished, the failing one too', async () => {
    const nodes = await startNodes(await redisServer(), 'a', 'b', 'c');
    const [a, b, c] = nodes as [Node, Node, Node];
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const order: string[] = [];
    b.cluster.on('cut', async () => {
      await released;
      order.push('b finished');
    });
    c.cluster.on('cut', () => {
      order.push('c finished');
      throw new Error('c fails');
    });
    const told = a.cluster.tellAll('cut', { member: 'x' }).then(() => order.push('told'));
    await eventually(() => expect(order).toEqual(['c finished']));
    release();
    await told;
    expect(order).toEqual(['c finished', 'b finished', 'told']);
  });

  test('each message reaches every node once, in order, the own one included', async () => {
    const nodes = await startNodes(await redisServer(), 'a', 'b');
    const [a, b] = nodes as [Node, Node];
    const sent = Array.from({ length: 100 }, (_, n) => n);
    for (const n of sent) a.cluster.tell('news', n);
    await a.cluster.tellAll('news', 'end');
    expect(a.heard).toEqual([...sent, 'end']);
    expect(b.heard).toEqual([...sent, 'end']);
    expect([...a.rejoined, ...b.rejoined]).toEqual([]);
  });

  test('a node killed without a goodbye is passed over, then lost, for exactly one survivor', async () => {
    const redis = await redisServer();
    const nodes = await startNodes(redis, 'a', 'b', 'c', 'd');
    const [a, b, c, d] = nodes as [Node, Node, Node, Node];
    await see(a, nodes);
    await d.die();
    const start = performance.now();
    await a.cluster.tellAll('news', 'hello');
    expect(performance.now() - start).toBeLessThan(1_500);
    expect([b.heard, c.heard]).toEqual([['hello'], ['hello']]);

    const lost = (): string[] => [a, b, c].flatMap((node) => node.lost);
    await eventually(() => expect(lost()).toEqual([d.cluster.nodeId]));
    await see(a, [a, b, c]);
    // A new node looks for the lost as it starts, too: nothing is left to find.
    const late = await startNode(redis, 'e');
    await see(a, [a, b, c, late]);
    expect([...lost(), ...late.lost]).toEqual([d.cluster.nodeId]);
  });

  test('a goodbye is no loss', async () => {
    const redis = await redisServer();
    const nodes = await startNodes(redis, 'a', 'b');
    const [a, b] = nodes as [Node, Node];
    await see(a, nodes);
    await b.cluster.close();
    const start = performance.now();
    await a.cluster.tellAll('news', 'hello');
    expect(performance.now() - start).toBeLessThan(400);
    await see(a, [a]);
    // When a node that died after the goodbye has been lost, the goodbye would have been too.
    const c = await startNode(redis, 'c');
    await c.die();
    await eventually(() => expect(a.lost).toEqual([c.cluster.nodeId]));
  });

  test('a clean-up that fails is tried again', async () => {
    const nodes = await startNodes(await redisServer(), 'a', 'b');
    const [a, b] = nodes as [Node, Node];
    a.cluster.onNodeLost(async () => {
      if (a.lost.length < 3) throw new Error('not yet');
    });
    await b.die();
    await eventually(() => expect(a.lost).toEqual(Array(3).fill(b.cluster.nodeId)));
  });

  test('an outage: tellAll rejects after the local handlers ran; when Redis is back empty all join again', async () => {
    const redis = await redisServer();
    const nodes = await startNodes(redis, 'a', 'b');
    const [a, b] = nodes as [Node, Node];
    await redis.kill();
    await expect(a.cluster.tellAll('news', 'local')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(a.heard).toEqual(['local']);
    await redis.restart();
    await eventually(() => {
      expect(a.rejoined).toContain('lapsed');
      expect(b.rejoined).toContain('lapsed');
    });
    await see(a, nodes);
    await see(b, nodes);
    await eventually(async () => {
      await a.cluster.tellAll('news', 'all');
      expect(b.heard).toContain('all');
    });
    expect([...a.lost, ...b.lost]).toEqual([]);
  });

  test('a node taken for lost carries on and learns of it', async () => {
    const nodes = await startNodes(await redisServer(), 'a', 'b');
    const [a, b] = nodes as [Node, Node];
    await see(a, nodes);
    // What a frozen node finds when it thaws: its lease was reaped by another.
    await a.store.leaseRemove('nodes', b.cluster.nodeId);
    await eventually(() => expect(b.rejoined).toEqual(['lapsed']));
    await see(a, nodes);
    await a.cluster.tellAll('news', 'still here');
    expect(b.heard).toEqual(['still here']);
  });

  test('a frozen process is passed over and lost; thawed it joins again', async () => {
    const redis = await redisServer();
    const a = await startNode(redis, 'a');
    const child = await startProcess(redis);
    await eventually(async () => expect(await a.cluster.liveNodes()).toContain(child.nodeId));
    await a.cluster.tellAll('news', 1);
    await eventually(() => expect(child.lines()).toContain('heard 1'));

    child.process.kill('SIGSTOP');
    await a.cluster.tellAll('news', 2);
    expect(child.lines()).not.toContain('heard 2');
    await eventually(() => expect(a.lost).toEqual([child.nodeId]));
    child.process.kill('SIGCONT');
    await eventually(() => expect(child.lines()).toContain('rejoined lapsed'));
    await eventually(async () => expect(await a.cluster.liveNodes()).toContain(child.nodeId));
    a.cluster.tell('news', 3);
    await eventually(() => expect(child.lines()).toContain('heard 3'));
  });

  test('a node whose subscription broke for a moment learns that it missed something', async () => {
    const redis = await redisServer();
    const nodes = await startNodes(redis, 'a', 'b');
    const [a, b] = nodes as [Node, Node];
    await see(a, nodes);
    // Both settle first: a node that has just started has no caches to doubt.
    await eventually(async () => {
      a.cluster.tell('news', 'before');
      await redisCommand(redis.port, 'CLIENT', 'KILL', 'TYPE', 'pubsub');
      a.cluster.tell('news', 'unheard');
      expect(b.rejoined).toContain('missed');
    });
    expect(b.rejoined).not.toContain('lapsed');
    await eventually(async () => {
      await a.cluster.tellAll('news', 'again');
      expect(b.heard).toContain('again');
    });
  });
});

test('start rejects while Redis is away, and leaves nothing behind', async () => {
  const redis = await redisServer();
  const store = await openRedisKeyStore({
    redis: { url: redis.url },
    keyPrefix: '',
    logger: silentLogger,
    commandTimeoutMs: 300,
  });
  closers.push(() => store.close());
  const cluster = createCluster({ keyStore: store, logger: silentLogger, nodeName: 'a' });
  await redis.kill();
  await expect(cluster.start()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await cluster.tellAll('nobody', null);
  await cluster.close();
});
