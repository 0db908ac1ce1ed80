import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isAlive } from '../../src/platform/mongo/engine/start-lock.js';
import { eventually } from './eventually.js';

/** Parley as people start it: `node scripts/start.mjs` in a folder, from the build. */

const root = fileURLToPath(new URL('../..', import.meta.url));

export type Exit = { code: number | null; signal: NodeJS.Signals | null };

export type ParleyProcess = Readonly<{
  pid: number;
  url: string;
  port: number;
  /** All it has written so far, both streams. */
  output(): string;
  /** Resolves when the banner is out and /readyz says 200; answers how long that took. Rejects when it ends before. */
  up(): Promise<number>;
  ended: Promise<Exit>;
  /** Sends the signal and waits for the end. */
  end(signal?: NodeJS.Signals): Promise<Exit>;
}>;

/** A folder of one deployment, and the processes started in it. */
export type Deployment = Readonly<{
  dir: string;
  dataDir: string;
  /** Starts one on a free port; `env` beside what finds programs and the engine's cache, and nothing else. */
  start(env?: Record<string, string>): Promise<ParleyProcess>;
  /** The process that serves the database of the data folder now. */
  enginePid(): Promise<number>;
  /** Ends all that runs (by force), and removes the folder. */
  close(): Promise<void>;
}>;

/** Compiles src when it is newer than the build. */
export function buildIfNeeded(): void {
  const script = join(root, 'scripts', 'build.mjs');
  const { status, stderr } = spawnSync(process.execPath, [script, '--if-needed'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`The build failed: ${stderr}`);
}

/** A port that was free a moment ago, below the range the kernel gives to outgoing connections. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 11_900);
    const server = createServer().listen(port, '127.0.0.1');
    const listening = once(server, 'listening').then(() => true);
    if (!(await Promise.race([listening, once(server, 'error').then(() => false)]))) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

export async function deploy(): Promise<Deployment> {
  const dir = await mkdtemp(join(tmpdir(), 'parley-e2e-'));
  const dataDir = join(dir, 'data');
  const started: ParleyProcess[] = [];

  const enginePid = async (): Promise<number> => {
    const log = await readFile(join(dataDir, 'db-engine.log'), 'utf8');
    const pid = [...log.matchAll(/\[(\d+)\] open:/g)].at(-1)?.[1];
    if (pid === undefined) throw new Error(`No engine has opened yet: ${log}`);
    return Number(pid);
  };

  return {
    dir,
    dataDir,
    enginePid,
    start: async (env = {}) => {
      const one = launch({ dir, dataDir, port: await freePort(), env });
      started.push(one);
      return one;
    },
    close: async () => {
      await Promise.all(started.map((one) => one.end('SIGKILL')));
      const engine = await enginePid().catch(() => null);
      // It ends by itself when its last user has gone without a word.
      await eventually(() => {
        if (engine !== null && isAlive(engine)) throw new Error(`The engine (pid ${engine}) lives on.`);
      });
      await rm(dir, { recursive: true, force: true });
    },
  };
}

type Launch = { dir: string; dataDir: string; port: number; env: Record<string, string> };

function launch({ dir, dataDir, port, env }: Launch): ParleyProcess {
  const { PATH = '', HOME = '' } = process.env;
  const startedAt = performance.now();
  const settings = { PATH, HOME, PORT: String(port), DATA_DIR: dataDir, BCRYPT_COST: '10', ...env };
  const child = spawn(process.execPath, [join(root, 'scripts', 'start.mjs')], {
    cwd: dir,
    env: settings,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const killer = (): void => void child.kill('SIGKILL');
  process.on('exit', killer);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => (output += bytes.toString()));
  // 'close' comes after the last output, 'exit' may not.
  const ended = once(child, 'close').then(([code, signal]): Exit => {
    process.off('exit', killer);
    return { code: code as number | null, signal: signal as NodeJS.Signals | null };
  });
  const url = `http://127.0.0.1:${settings.PORT}`;
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;

  const up = async (): Promise<number> => {
    await eventually(
      async () => {
        if (isOver()) return;
        if (!output.includes('is up')) throw new Error(`No banner yet: ${output}`);
        const { status } = await fetch(`${url}/readyz`);
        if (status !== 200) throw new Error(`/readyz says ${status}: ${output}`);
      },
      { timeoutMs: 60_000 },
    );
    if (isOver()) throw new Error(`It has ended: ${output}`);
    return performance.now() - startedAt;
  };

  return {
    pid: child.pid ?? 0,
    url,
    port: Number(settings.PORT),
    output: () => output,
    up,
    ended,
    end: async (signal = 'SIGTERM') => {
      if (!isOver()) child.kill(signal);
      return ended;
    },
  };
}
