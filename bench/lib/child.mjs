/** Child processes that answer over IPC: spawn, ask, stop by their own pid. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import net from 'node:net';

const ANSWER_MS = 120_000;
const EXIT_MS = 20_000;
const LAST_LINES = 15;
const [LOWEST_PORT, HIGHEST_PORT] = [20_000, 32_000];

/**
 * @param {{ file: string, args?: string[], nodeArgs?: string[], env?: object, logFile: string, execPath?: string }} options
 * @param {{ request: (id: number, what: string, args?: object) => object, answerId: (message: object) => number | undefined }} dialogue
 */
export function startChild({ file, args = [], nodeArgs = [], env = {}, logFile }, dialogue) {
  const log = openSync(logFile, 'a');
  const child = spawn(process.execPath, [...nodeArgs, file, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', log, log, 'ipc'],
  });
  const exited = once(child, 'exit');
  const waiting = new Map();
  let nextId = 0;
  let gone = false;

  child.on('message', (message) => {
    const id = dialogue.answerId(message);
    const settle = waiting.get(id);
    waiting.delete(id);
    settle?.(message);
  });
  const lastWords = () => readFileSync(logFile, 'utf8').trim().split('\n').slice(-LAST_LINES).join('\n');

  exited.then(() => {
    gone = true;
    for (const settle of waiting.values()) settle({ error: `${file} ended:\n${lastWords()}` });
  });

  return {
    pid: child.pid,
    lastWords,
    isGone: () => gone,

    ask: (what, args) =>
      new Promise((resolve, reject) => {
        const id = nextId++;
        const timer = setTimeout(() => reject(new Error(`${what}: no answer from ${file}`)), ANSWER_MS);
        waiting.set(id, (message) => {
          clearTimeout(timer);
          if (message.error === undefined) resolve(message);
          else reject(new Error(`${what}: ${message.error}`));
        });
        child.send(dialogue.request(id, what, args));
      }),

    stop: async () => {
      if (gone) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), EXIT_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** A port nobody listens on, below the range that the kernel gives to clients. */
export async function freePort() {
  for (;;) {
    const port = LOWEST_PORT + Math.floor(Math.random() * (HIGHEST_PORT - LOWEST_PORT));
    const server = net.createServer();
    const free = await new Promise((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
