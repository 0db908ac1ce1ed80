import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.js';

/** A private Redis server of one test file. Nothing of it is left on disk. */
export type TestRedis = {
  readonly url: string;
  readonly port: number;
  /** Of the running process; changes with `restart`. */
  readonly pid: number;
  /** Ends it in good order. */
  stop(): Promise<void>;
  /** SIGKILL, as if the power had failed. */
  kill(): Promise<void>;
  /** Freezes it: connections stay open, nothing is answered. */
  freeze(): void;
  thaw(): void;
  /** Starts it again, empty, on the same port. */
  restart(): Promise<void>;
};

type Options = { args?: string[]; password?: string };

const lowestPort = 20_000;
const highestPort = 31_900;

/** A port that was free a moment ago, below the range the kernel gives to outgoing connections. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = lowestPort + Math.floor(Math.random() * (highestPort - lowestPort));
    const server = createServer().listen(port, '127.0.0.1');
    const free = await Promise.race([
      once(server, 'listening').then(() => true),
      once(server, 'error').then(() => false),
    ]);
    if (!free) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** One inline command on a connection of its own; resolves to the answer: a line, or the whole of a long text. */
export function redisCommand(port: number, ...words: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.setTimeout(2_000, () => socket.destroy(new Error('no answer')));
    socket.on('connect', () => socket.write(`${words.join(' ')}\r\n`));
    socket.on('data', (bytes) => {
      text += bytes.toString();
      const length = /^\$(\d+)\r\n/.exec(text);
      const whole =
        length === null ? text.includes('\r\n') : text.length >= length[0].length + Number(length[1]);
      if (whole) socket.end();
    });
    socket.on('error', reject);
    socket.on('close', () => {
      if (text.startsWith('-')) reject(new Error(text.trim()));
      else resolve(text.replace(/^\$\d+\r\n/, '').trim());
    });
  });
}

/** Starts the program and waits until it answers PING; rejects when it ends before, as it does on a taken port. */
async function launch(args: string[], port: number): Promise<ChildProcess> {
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
  const killer = (): void => void child.kill('SIGKILL');
  process.on('exit', killer);
  const ended = once(child, 'exit').then(() => {
    process.off('exit', killer);
  });
  const ready = eventually(async () => {
    if (child.exitCode !== null) return;
    const answer = await redisCommand(port, 'PING').catch((error: unknown) => String(error));
    if (!/PONG|NOAUTH/.test(answer)) throw new Error(`Redis on port ${port} is not ready: ${answer}`);
  });
  await Promise.race([ready, ended]);
  if (child.exitCode !== null)
    throw new Error(`redis-server ended with ${child.exitCode}: ${output.slice(-500)}`);
  return child;
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGCONT');
  child.kill(signal);
  await ended;
}

/** Runs `argsFor(port)` on a free port; tries another when somebody else was faster. */
async function serve(argsFor: (port: number, dir: string) => Promise<string[]>): Promise<TestRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'parley-redis-'));
  const start = async (attempts: number): Promise<{ child: ChildProcess; port: number }> => {
    const port = await freePort();
    try {
      return { port, child: await launch(await argsFor(port, dir), port) };
    } catch (error) {
      if (attempts <= 1) throw error;
      return start(attempts - 1);
    }
  };
  const started = await start(5);
  const { port } = started;
  let { child } = started;
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return child.pid ?? 0;
    },
    stop: async () => {
      await end(child, 'SIGTERM');
      await rm(dir, { recursive: true, force: true });
    },
    kill: () => end(child, 'SIGKILL'),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    restart: async () => {
      await end(child, 'SIGKILL');
      child = await eventually(async () => launch(await argsFor(port, dir), port));
    },
  };
}

function basics(port: number, dir: string): string[] {
  return ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', '', '--appendonly', 'no'];
}

export async function startRedis({ args = [], password }: Options = {}): Promise<TestRedis> {
  const secret = password === undefined ? [] : ['--requirepass', password];
  const redis = await serve(async (port, dir) => [...basics(port, dir), ...secret, ...args]);
  if (password === undefined) return redis;
  return Object.defineProperty(redis, 'url', {
    value: `redis://:${encodeURIComponent(password)}@127.0.0.1:${redis.port}`,
  });
}

export type TestRedisCluster = {
  readonly url: string;
  readonly nodes: readonly TestRedis[];
  stop(): Promise<void>;
};

/** A Redis Cluster of masters that share all slots evenly. One node is enough for most tests. */
export async function startRedisCluster(size: 1 | 3 = 1): Promise<TestRedisCluster> {
  const nodes = await Promise.all(
    Array.from({ length: size }, () =>
      serve(async (port, dir) => [
        ...basics(port, dir),
        ...['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())],
        ...['--cluster-announce-ip', '127.0.0.1', '--cluster-node-timeout', '2000'],
      ]),
    ),
  );
  const width = Math.ceil(16_384 / size);
  for (const [index, { port }] of nodes.entries()) {
    const last = Math.min(16_383, (index + 1) * width - 1);
    await redisCommand(port, 'CLUSTER', 'ADDSLOTSRANGE', String(index * width), String(last));
    await redisCommand(port, 'CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
  }
  const [first] = nodes;
  for (const node of nodes.slice(1)) {
    const bus = await busPort(node.port);
    await redisCommand(first?.port ?? 0, 'CLUSTER', 'MEET', '127.0.0.1', String(node.port), bus);
  }
  await Promise.all(nodes.map(({ port }) => eventually(() => assertClusterIsUp(port, size))));
  return {
    url: `redis-cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
    nodes,
    stop: async () => void (await Promise.all(nodes.map((node) => node.stop()))),
  };
}

/** The line `<id> 127.0.0.1:<port>@<bus port>… myself,master …`. */
async function busPort(port: number): Promise<string> {
  const text = await redisCommand(port, 'CLUSTER', 'NODES');
  return /@(\d+)\S* myself/.exec(text)?.[1] ?? '';
}

async function assertClusterIsUp(port: number, size: number): Promise<void> {
  const info = await redisCommand(port, 'CLUSTER', 'INFO');
  if (!info.includes('cluster_state:ok') || !info.includes(`cluster_known_nodes:${size}`))
    throw new Error(info);
}

export type TestSentinel = {
  readonly url: string;
  readonly master: TestRedis;
  readonly replica: TestRedis;
  stop(): Promise<void>;
};

/** A master, a replica and one sentinel that promotes the replica about a second after the master is gone. */
export async function startSentinel(): Promise<TestSentinel> {
  const master = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] });
  const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(master.port)] });
  await eventually(async () => {
    const info = await redisCommand(replica.port, 'INFO', 'replication');
    if (!info.includes('master_link_status:up')) throw new Error(info);
  });
  const sentinel = await serve(async (port, dir) => {
    const file = join(dir, 'sentinel.conf');
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${dir}`,
      `sentinel monitor parley 127.0.0.1 ${master.port} 1`,
      'sentinel down-after-milliseconds parley 500',
      'sentinel failover-timeout parley 3000',
    ];
    await writeFile(file, `${lines.join('\n')}\n`);
    return [file, '--sentinel'];
  });
  await eventually(async () => {
    const info = await redisCommand(sentinel.port, 'INFO', 'sentinel');
    if (!info.includes('slaves=1')) throw new Error(info);
  });
  return {
    url: `redis-sentinel://127.0.0.1:${sentinel.port}/parley`,
    master,
    replica,
    stop: async () => void (await Promise.all([sentinel, replica, master].map((server) => server.stop()))),
  };
}
