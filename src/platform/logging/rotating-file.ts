/**
 * A file that lines are appended to and that is put aside when it is full.
 *
 * Invariants: `append` never throws, never waits and never holds more than `maxBufferedBytes`; a full disk costs lines,
 * not the process. Several processes may share one file: each line is written whole at the end (O_APPEND), and a
 * rotation is one rename to a name of its own, so two that rotate at once lose nothing. An outside logrotate works too.
 */
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { basename, dirname, extname, join } from 'node:path';

export type RotatingFile = Readonly<{
  append(line: string): void;
  /** Writes what waits and closes; lines after that are dropped. */
  close(): Promise<void>;
}>;

type Options = Readonly<{
  path: string;
  /** The file is put aside before it grows beyond this. */
  maxBytes: number;
  /** This many files are kept, the current one included. */
  maxFiles: number;
  maxBufferedBytes?: number;
  /** How long to leave a disk alone that has refused a write. */
  retryMs?: number;
  /** Told once when writing begins to fail. */
  onTrouble?: (error: unknown) => void;
}>;

/** Renames `/x/combined.log` to `/x/combined-<time>-<pid>.log` and removes the oldest beyond `maxFiles`. */
async function putAside(path: string, maxFiles: number): Promise<void> {
  const extension = extname(path);
  const stem = basename(path, extension);
  const time = new Date().toISOString().replace(/[-:.]/g, '');
  await rename(path, join(dirname(path), `${stem}-${time}-${process.pid}${extension}`));
  const pattern = /^-\d{8}T\d{9}Z-\d+$/;
  const old = (await readdir(dirname(path))).filter(
    (name) =>
      name.startsWith(stem) &&
      name.endsWith(extension) &&
      pattern.test(name.slice(stem.length, -extension.length)),
  );
  const excess = old.sort().slice(0, Math.max(0, old.length - (maxFiles - 1)));
  await Promise.all(excess.map((name) => rm(join(dirname(path), name), { force: true })));
}

type Current = { handle: FileHandle; inode: number; size: number; checkedAt: number };

/** The open end of the file: reopened when it was moved away, put aside when it is full. */
function createTail({ path, maxBytes, maxFiles }: Pick<Options, 'path' | 'maxBytes' | 'maxFiles'>) {
  const recheckMs = 1_000;
  const state: { current: Current | null } = { current: null };

  async function close(): Promise<void> {
    const { current } = state;
    state.current = null;
    await current?.handle.close();
  }

  async function reopen(): Promise<Current> {
    await close();
    await mkdir(dirname(path), { recursive: true });
    const handle = await open(path, 'a', 0o640);
    const { ino: inode, size } = await handle.stat();
    return (state.current = { handle, inode, size, checkedAt: Date.now() });
  }

  /** Others write to it too and may have moved it: ask now and then, not for every line. */
  async function checked(): Promise<Current> {
    const { current } = state;
    if (current === null) return reopen();
    if (Date.now() - current.checkedAt < recheckMs) return current;
    const there = await stat(path).catch(() => null);
    if (there?.ino !== current.inode) return reopen();
    return Object.assign(current, { size: there.size, checkedAt: Date.now() });
  }

  async function write(bytes: Buffer): Promise<void> {
    let current = await checked();
    if (current.size > 0 && current.size + bytes.length > maxBytes) {
      const there = await stat(path).catch(() => null);
      // Another process may be quicker; and a folder that forbids renaming is no reason to lose lines.
      if (there?.ino === current.inode) await putAside(path, maxFiles).catch(() => undefined);
      current = await reopen();
    }
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await current.handle.write(bytes, done);
      done += bytesWritten;
      current.size += bytesWritten;
    }
  }

  return { write, close };
}

/** Lines wait so long for company; what a process leaves behind at `kill -9` is no more. */
const GATHER_MS = 20;

type Waiting = { lines: string[]; bytes: number };

/** Takes from the front what makes one write; never nothing. */
function takeBatch(waiting: Waiting, maxBatch: number): string[] {
  let count = 0;
  let size = 0;
  for (const line of waiting.lines) {
    if (count > 0 && size + line.length > maxBatch) break;
    size += line.length;
    count += 1;
  }
  waiting.bytes -= size;
  return waiting.lines.splice(0, count);
}

function lossLine(lost: number): string {
  const message = `${lost} log lines were lost because they could not be written`;
  return `${JSON.stringify({ timestamp: new Date().toISOString(), level: 'warn', message })}\n`;
}

export function createRotatingFile(options: Options): RotatingFile {
  const { maxBytes, maxBufferedBytes = 4 * 1024 * 1024, retryMs = 1_000, onTrouble } = options;
  /** One write takes no more, so that a burst of lines can't overshoot `maxBytes` by much. */
  const maxBatch = Math.min(maxBytes, 256 * 1024);
  const tail = createTail(options);
  const waiting: Waiting = { lines: [], bytes: 0 };
  const state = { lost: 0, broken: false, retryAt: 0, closed: false };
  const work: { running: Promise<void> | null } = { running: null };

  async function failed(error: unknown, count: number): Promise<void> {
    if (!state.broken) onTrouble?.(error);
    state.broken = true;
    state.retryAt = Date.now() + retryMs;
    state.lost += count + waiting.lines.length;
    Object.assign(waiting, { lines: [], bytes: 0 });
    await tail.close().catch(() => undefined);
  }

  async function drain(): Promise<void> {
    // What is logged within a moment becomes one write.
    await pause(GATHER_MS);
    while (waiting.lines.length > 0) {
      const batch = takeBatch(waiting, maxBatch);
      const { lost } = state;
      try {
        await tail.write(Buffer.from((lost > 0 ? lossLine(lost) : '') + batch.join('')));
        state.lost -= lost;
        state.broken = false;
      } catch (error) {
        await failed(error, batch.length);
      }
    }
    work.running = null;
  }

  return {
    append(line) {
      if (state.closed) return;
      if (waiting.bytes + line.length > maxBufferedBytes || Date.now() < state.retryAt) {
        state.lost += 1;
        return;
      }
      waiting.lines.push(line);
      waiting.bytes += line.length;
      work.running ??= drain();
    },
    async close() {
      state.closed = true;
      await work.running;
      await tail.close().catch(() => undefined);
    },
  };
}
