/** One run's stage: its folder, its database engine, its servers and load processes; all closed in reverse order. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, startChild } from './child.mjs';
import { openEngine } from './engine.mjs';

const BENCH = path.dirname(import.meta.dirname);
const HOST = '127.0.0.1';
const READY_MS = 60_000;

/** @param {{ mongoUri?: string, mongoPid?: number, profileFolder?: string }} options */
export async function openStage(options) {
  const folder = await mkdtemp(path.join(tmpdir(), 'parley-bench-'));
  const closers = [() => rm(folder, { recursive: true, force: true })];
  let engine = null;
  let count = 0;
  const nextLog = (name) => path.join(folder, `${++count}-${name}.log`);

  async function getEngine() {
    if (engine === null) {
      engine = await openEngine(path.join(folder, 'engine'), options);
      closers.push(engine.close);
    }
    return engine;
  }

  return {
    folder,
    getEngine,

    /**
     * Starts a server with the probe loaded and waits until GET /readyz answers 200.
     * @param {{ name: string, file: string, args?: string[], env?: object, nodeArgs?: string[] }} server `file` from bench/
     */
    startServer: async ({ name, file, args = [], env = {}, nodeArgs = [] }) => {
      const port = await freePort();
      const profiling = options.profileFolder
        ? ['--cpu-prof', `--cpu-prof-dir=${options.profileFolder}`]
        : [];
      const child = startChild(
        {
          file: path.join(BENCH, file),
          args,
          nodeArgs: ['--import', path.join(BENCH, 'lib/loop-probe.mjs'), ...profiling, ...nodeArgs],
          env: { ...env, PORT: String(port), HOST },
          logFile: nextLog(name),
        },
        {
          request: (id, probe) => ({ probe, id }),
          answerId: (message) => message?.probeAnswer,
        },
      );
      closers.push(child.stop);
      await waitReady(`http://${HOST}:${port}/readyz`, child);
      return { name, pid: child.pid, target: { host: HOST, port }, probe: child.ask, stop: child.stop };
    },

    /** Starts a load process; `call(op, args)` has it do something. */
    startLoad: (name) => {
      const child = startChild(
        { file: path.join(BENCH, 'load.mjs'), logFile: nextLog(`load-${name}`) },
        { request: (id, op, args) => ({ id, op, args }), answerId: (message) => message?.id },
      );
      closers.push(child.stop);
      return {
        pid: child.pid,
        stop: child.stop,
        call: async (op, args) => (await child.ask(op, args)).result,
      };
    },

    close: async () => {
      while (closers.length > 0) await closers.pop()();
    },
  };
}

async function waitReady(url, child) {
  const deadline = performance.now() + READY_MS;
  while (performance.now() < deadline) {
    if (child.isGone()) throw new Error(`The server ended before it was ready:\n${child.lastWords()}`);
    try {
      if ((await fetch(url)).status === 200) return;
    } catch {
      // Not listening yet.
    }
    await sleep(50);
  }
  throw new Error(`The server is not ready:\n${child.lastWords()}`);
}
