import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { open, rename, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { OwnKind } from '../database.js';
import { connectControl } from './control-link.js';
import type { ControlLink } from './control-link.js';
import type { EngineFiles } from './engine-files.js';

/** How to run the engine's process. `loader`: a newer C library's dynamic loader with its own libraries. */
export type EngineRecipe = Readonly<{
  kind: OwnKind;
  dbDir: string;
  /** Path of `mongod`; null for the embedded engine. */
  mongod: string | null;
  loader: Readonly<{ path: string; libraryDir: string }> | null;
}>;

/** Read by engine-process.mjs, which documents each field. */
export type EngineProcessOptions = Readonly<{
  kind: OwnKind;
  dbDir: string;
  mongod: string | null;
  socketDir: string;
  mongoSocket: string;
  controlSocket: string;
  lingerMs: number;
}>;

/** The engine's process ended instead of opening. The message is for the person who starts the server. */
class EngineStartFailed extends Error {}

/** The exit code by which the process says that another one has the data folder open. */
const EXIT_BUSY = 75;
/** Generous, for the recovery of a big data folder after a crash; normally an engine opens in 0.5 s. */
const OPEN_TIMEOUT_MS = 60_000;
const POLL_MS = 20;
const MAX_LOG_BYTES = 4 * 1024 * 1024;

/**
 * Starts the engine in a process of its own and waits until it serves: its crash is not ours, and ours (or
 * Ctrl-C in the terminal, hence `detached`) does not cut it off before its last user has let go.
 * @returns the control connection; null when another process has the data folder open.
 * @throws EngineStartFailed when it ends or does not open in time.
 */
export async function launchEngine(
  recipe: EngineRecipe,
  { files, lingerMs }: { files: EngineFiles; lingerMs: number },
): Promise<ControlLink | null> {
  const log = await openLog(files.log);
  try {
    const { size: logStart } = await log.stat();
    const child = spawnEngine(recipe, { files, lingerMs, logFd: log.fd });
    const outcome = await untilOpen(child, files.controlSocket);
    if (outcome === 'busy') return null;
    if (outcome !== 'failed') return outcome;
    const buffer = Buffer.alloc(64 * 1024);
    const { bytesRead } = await log.read(buffer, 0, buffer.length, logStart);
    throw new EngineStartFailed(
      lastLine(buffer.toString('utf8', 0, bytesRead)) ?? `it did not open; see ${files.log}`,
    );
  } finally {
    await log.close();
  }
}

function spawnEngine(
  recipe: EngineRecipe,
  { files, lingerMs, logFd }: { files: EngineFiles; lingerMs: number; logFd: number },
): ChildProcess {
  const { kind, dbDir, mongod, loader } = recipe;
  const { socketDir, mongoSocket, controlSocket } = files;
  const options: EngineProcessOptions = {
    kind,
    dbDir,
    mongod,
    socketDir,
    mongoSocket,
    controlSocket,
    lingerMs,
  };
  // Plain .mjs beside this file in src and in dist alike, so that it also runs where TypeScript is compiled in memory.
  const script = fileURLToPath(new URL('./engine-process.mjs', import.meta.url));
  const command = [process.execPath, script, JSON.stringify(options)] as const;
  const [program, ...args] = loader
    ? [loader.path, '--library-path', loader.libraryDir, ...command]
    : command;
  const child = spawn(program, args, { detached: true, stdio: ['ignore', logFd, logFd], cwd: files.dataDir });
  child.unref();
  return child;
}

async function untilOpen(
  child: ChildProcess,
  controlSocket: string,
): Promise<ControlLink | 'busy' | 'failed'> {
  let ended: number | null = null;
  child.once('error', () => (ended = 1));
  child.once('exit', (code) => (ended = code ?? 1));
  const deadline = Date.now() + OPEN_TIMEOUT_MS;
  while (Date.now() < deadline) {
    const link = await connectControl(controlSocket);
    if (link) return link;
    if (ended !== null) return ended === EXIT_BUSY ? 'busy' : 'failed';
    await delay(POLL_MS);
  }
  child.kill('SIGKILL');
  return 'failed';
}

async function openLog(path: string) {
  const size = await stat(path).then(
    (stats) => stats.size,
    () => 0,
  );
  if (size > MAX_LOG_BYTES) await rename(path, `${path}.1`);
  return open(path, 'a+', 0o600);
}

function lastLine(text: string): string | undefined {
  const line = text.trimEnd().split('\n').at(-1)?.trim();
  return line ? line.slice(0, 400) : undefined;
}
