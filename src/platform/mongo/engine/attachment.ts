import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../logging/logger.js';
import { DatabaseUnavailable } from '../database.js';
import { connectControl } from './control-link.js';
import type { ControlLink, EngineHello } from './control-link.js';
import type { EngineFiles } from './engine-files.js';
import { tryStartLock } from './start-lock.js';

export type Attachment = Readonly<{
  hello: EngineHello;
  /** Lets the engine go; see `Database.close`. Never rejects. */
  close(): Promise<void>;
}>;

type AttachDeps = Readonly<{
  files: EngineFiles;
  /** Starts an engine. Called by one process of all that share the data folder; null: another one is open or closing. */
  start: () => Promise<ControlLink | null>;
  logger: Logger;
}>;

const POLL_MS = 50;
/** An engine that has the data folder but no longer answers is on its way out, which takes 9 s at most. */
const BUSY_TIMEOUT_MS = 15_000;
const LEAVE_TIMEOUT_MS = 10_000;
const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 5_000;

/**
 * Holds one connection to the engine of a data folder, whoever started it, and has a crashed engine replaced:
 * every app notices by its control connection, and the one that gets the start lock starts the next engine.
 * The address stays, so drivers just reconnect.
 * @throws DatabaseUnavailable (or what `start` throws) when the first connection can't be had.
 */
export async function attachToEngine(deps: AttachDeps): Promise<Attachment> {
  const { logger } = deps;
  const leaving = new AbortController();
  const first = await acquire(deps, leaving.signal);
  if (first === null) throw new DatabaseUnavailable('The database was closed before it had opened.');
  let link: ControlLink | null = first;
  const watching = watch(first);

  async function watch(start: ControlLink): Promise<void> {
    let current = start;
    while (!leaving.signal.aborted) {
      await current.closed;
      if (leaving.signal.aborted) return;
      link = null;
      logger.warn('The database process has ended unexpectedly; a new one is started.', {
        pid: current.hello.pid,
      });
      const next = await reacquire();
      if (next === null) return;
      link = current = next;
      logger.info('The database is back.', { pid: next.hello.pid });
    }
  }

  async function reacquire(): Promise<ControlLink | null> {
    for (let backoffMs = FIRST_BACKOFF_MS; ; backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS)) {
      try {
        return await acquire(deps, leaving.signal);
      } catch (error) {
        logger.error('The database could not be started again.', { error, retryMs: backoffMs });
      }
      await pause(backoffMs, leaving.signal);
      if (leaving.signal.aborted) return null;
    }
  }

  return {
    hello: first.hello,
    close: async () => {
      if (leaving.signal.aborted) return watching;
      leaving.abort();
      if (link === null) await watching;
      const gone = link === null || (await link.leave(LEAVE_TIMEOUT_MS));
      if (!gone)
        logger.warn('The database process is slow to end; it finishes by itself.', { pid: link?.hello.pid });
      await watching;
    },
  };
}

/** Connects to the running engine, or starts one, or waits for whoever does. Null when `signal` says to give up. */
async function acquire(
  { files, start }: Omit<AttachDeps, 'logger'>,
  signal: AbortSignal,
): Promise<ControlLink | null> {
  let giveUpAt = Date.now() + BUSY_TIMEOUT_MS;
  while (!signal.aborted) {
    const link = (await connectControl(files.controlSocket)) ?? (await startOnce({ files, start }));
    if (typeof link === 'object') return link;
    // Whoever is starting one has time limits of its own, and may be downloading.
    if (link === 'starting') giveUpAt = Date.now() + BUSY_TIMEOUT_MS;
    if (Date.now() > giveUpAt) {
      throw new DatabaseUnavailable(
        `Another process has the data in ${files.dataDir} open, but does not answer on ${files.controlSocket}.`,
        [],
        'Fix: end that process, or set DATA_DIR to a folder of its own for each deployment.',
      );
    }
    await pause(POLL_MS, signal);
  }
  return null;
}

/** `starting`: somebody else is at it. `busy`: somebody else has the data folder open. */
async function startOnce({
  files,
  start,
}: Omit<AttachDeps, 'logger'>): Promise<ControlLink | 'starting' | 'busy'> {
  const lock = await tryStartLock(files.lock);
  if (lock === null) return 'starting';
  try {
    // Whoever had the lock before us may have finished between our look at the socket and now.
    return (await connectControl(files.controlSocket)) ?? (await start()) ?? 'busy';
  } finally {
    await lock.release();
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
