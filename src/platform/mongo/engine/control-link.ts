import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { OwnKind } from '../database.js';
import { isAlive } from './start-lock.js';

/** What the engine's process says to each app that connects: it is open and takes drivers. */
export type EngineHello = Readonly<{ pid: number; kind: OwnKind; dbDir: string }>;

export type ControlLink = Readonly<{
  hello: EngineHello;
  /** Resolves when the connection has ended: the engine is gone, or we left. */
  closed: Promise<void>;
  /** Lets go. When we are the last one, waits until the engine's process has ended; false when that took too long. */
  leave(timeoutMs: number): Promise<boolean>;
}>;

const HELLO_TIMEOUT_MS = 2_000;
/** After its connections have closed, a process is only waiting to be reaped by its parent. */
const REAP_MS = 1_000;

/**
 * Connects to the engine's control socket; null when nobody answers there (no file, a stale one, or an engine
 * that is on its way out). The connection does not keep our process alive.
 */
export async function connectControl(path: string): Promise<ControlLink | null> {
  const socket = connect(path);
  socket.setEncoding('utf8');
  // An error is always followed by 'close', which is what everybody here waits for.
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const line = await firstLine(socket, closed);
  const hello = line === null ? null : parseHello(line);
  if (hello === null) {
    socket.destroy();
    return null;
  }
  socket.unref();
  return { hello, closed, leave: (timeoutMs) => leave(socket, { closed, pid: hello.pid, timeoutMs }) };
}

async function leave(
  socket: Socket,
  { closed, pid, timeoutMs }: { closed: Promise<void>; pid: number; timeoutMs: number },
): Promise<boolean> {
  socket.ref();
  const answer = firstLine(socket, closed, timeoutMs);
  socket.write('leave\n');
  const last = (await answer) !== 'shared';
  if (!last) {
    socket.destroy();
    return true;
  }
  // The engine never ends this connection by itself: the kernel does so when its process is over.
  const gone = await within(timeoutMs, closed);
  socket.destroy();
  const deadline = Date.now() + REAP_MS;
  while (gone && isAlive(pid) && Date.now() < deadline) await delay(10);
  return gone;
}

/** The next line the other side sends; null when it closes or stays silent. */
async function firstLine(
  socket: Socket,
  closed: Promise<void>,
  timeoutMs = HELLO_TIMEOUT_MS,
): Promise<string | null> {
  let text = '';
  let listener: (chunk: string) => void = () => undefined;
  const line = new Promise<string>((resolve) => {
    listener = (chunk) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end !== -1) resolve(text.slice(0, end));
    };
    socket.on('data', listener);
  });
  const ended = closed.then(() => null);
  const answer = await Promise.race([line, ended, silence(timeoutMs)]);
  socket.off('data', listener);
  return answer;
}

async function within(timeoutMs: number, event: Promise<void>): Promise<boolean> {
  return Promise.race([event.then(() => true), silence(timeoutMs).then(() => false)]);
}

/** Does not hold the process: the socket that is waited for does. */
async function silence(timeoutMs: number): Promise<null> {
  return delay(timeoutMs, null, { ref: false });
}

function parseHello(line: string): EngineHello | null {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null) return null;
    const { pid, kind, dbDir } = value as Record<string, unknown>;
    if (typeof pid !== 'number' || typeof dbDir !== 'string') return null;
    return kind === 'mongod' || kind === 'embedded' || kind === 'download' ? { pid, kind, dbDir } : null;
  } catch {
    return null;
  }
}
