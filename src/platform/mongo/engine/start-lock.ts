import { readFileSync } from 'node:fs';
import { open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';

export type StartLock = Readonly<{ release(): Promise<void> }>;

const HEARTBEAT_MS = 3_000;
/** A living holder touches its lock every `HEARTBEAT_MS`: older means gone, even if its pid is in use again. */
const STALE_MS = 15_000;

/**
 * Tries to become the one process that starts the engine; null when somebody else is at it.
 *
 * This lock spares needless starts and makes "exactly one restarts it" true. It does not guard the data: that
 * is done by the engine's own lock on its data folder, which the kernel holds and lets go when the process
 * ends. So the small race in taking over a stale lock (two processes may both believe they have it) costs a
 * process that starts and ends again, nothing more.
 */
export async function tryStartLock(path: string): Promise<StartLock | null> {
  const token = `${process.pid} ${randomUUID()}`;
  if (!(await create(path, token))) {
    if (!(await isStale(path))) return null;
    await discard(path);
    if (!(await create(path, token))) return null;
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, HEARTBEAT_MS);
  heartbeat.unref();
  return {
    release: async () => {
      clearInterval(heartbeat);
      const holder = await readFile(path, 'utf8').catch(() => null);
      if (holder === token) await rm(path, { force: true });
    },
  };
}

async function create(path: string, content: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(content);
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

async function isStale(path: string): Promise<boolean> {
  try {
    const [content, stats] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    if (Date.now() - stats.mtimeMs > STALE_MS) return true;
    const pid = Number.parseInt(content, 10);
    // Empty: made this very moment, not yet written. Its age decides when that never happens.
    return Number.isInteger(pid) && !isAlive(pid);
  } catch (error) {
    // Gone meanwhile: the next try will tell.
    if (isErrno(error, 'ENOENT')) return true;
    throw error;
  }
}

/** By way of a rename, so that of several who find it stale only one removes it. */
async function discard(path: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  await rm(aside, { force: true });
}

/** Does the process run? True also for one of another user, false for one that only waits to be reaped. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return !isErrno(error, 'ESRCH');
  }
  return !isZombie(pid);
}

/** Where there is no /proc (macOS), parents reap at once anyway. */
function isZombie(pid: number): boolean {
  try {
    // `pid (name) state …`, where the name may hold anything.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.charAt(stat.lastIndexOf(')') + 2) === 'Z';
  } catch {
    return false;
  }
}

/** By its shape, because under jest node's own errors are of another realm's Error. */
export function isErrno(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
