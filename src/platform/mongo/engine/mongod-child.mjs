/**
 * A `mongod` of our own as the engine: on a unix socket in a private folder, without TCP, hence without passwords.
 * It is a standalone server, so that it can do no more than the embedded engine can.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 50;
/** An orphan gets this long to end cleanly before we give up on the data folder. */
const ORPHAN_MS = 20_000;

/**
 * Starts it and waits until it takes connections.
 * The message of the error holds `DBPathInUse` when another living process of ours has the data folder.
 * @param {{ mongod: string, dbDir: string, socketDir: string, socket: string }} options
 * @returns {Promise<import('./engine-process.mjs').Backend>}
 */
export async function openMongod({ mongod, dbDir, socketDir, socket }) {
  await mkdir(dbDir, { recursive: true, mode: 0o700 });
  const pidFile = `${dbDir}.pid`;
  await endOrphan(pidFile, dbDir);
  const child = spawn(
    mongod,
    // A path in --bind_ip instead of an address: nothing listens on TCP. The second socket that it makes by
    // default goes to our private folder too.
    ['--dbpath', dbDir, '--bind_ip', socket, '--unixSocketPrefix', socketDir, '--filePermissions', '0700'],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  /** @type {string | null} */
  let ended = null;
  const died = new Promise((resolve) => {
    /** @param {string} reason */
    const end = (reason) => resolve((ended = reason));
    child.once('error', (error) => end(`mongod can't be run: ${error.message}`));
    child.once('exit', (code, signal) =>
      end(`mongod has ended (${signal ?? `exit code ${code}`}); its log is above`),
    );
  });
  await writeFile(pidFile, JSON.stringify({ keeper: process.pid, mongod: child.pid }), { mode: 0o600 });
  while (!(await accepts(socket))) {
    if (ended !== null) throw new Error(ended);
    await delay(POLL_MS);
  }
  return {
    died,
    close: async () => {
      child.kill('SIGTERM');
      await died;
      await rm(pidFile, { force: true });
    },
  };
}

/**
 * A mongod whose keeper was killed lives on and has the data folder: it is asked to end, cleanly.
 * @param {string} pidFile
 * @param {string} dbDir
 */
async function endOrphan(pidFile, dbDir) {
  const text = await readFile(pidFile, 'utf8').catch(() => null);
  if (text === null) return;
  /** @type {{ keeper?: number, mongod?: number }} */
  let pids;
  try {
    pids = JSON.parse(text);
  } catch {
    return;
  }
  const { keeper, mongod } = pids;
  if (!mongod || !isAlive(mongod) || !(await looksLike(mongod, dbDir))) return;
  if (keeper && isAlive(keeper) && (await looksLike(keeper, dbDir)))
    throw new Error(`DBPathInUse: process ${keeper} serves it`);
  process.kill(mongod, 'SIGTERM');
  for (const deadline = Date.now() + ORPHAN_MS; isAlive(mongod); await delay(POLL_MS)) {
    if (Date.now() > deadline)
      throw new Error(`process ${mongod}, a mongod left over on ${dbDir}, does not end`);
  }
}

/**
 * Guards against a pid that means another process by now. Where the system can't tell, the pid file is believed.
 * @param {number} pid
 * @param {string} dbDir
 */
async function looksLike(pid, dbDir) {
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null);
  return command === null || command.includes(dbDir);
}

/**
 * False also for one that only waits to be reaped. The same as in start-lock.ts, which can't be imported from here.
 * @param {number} pid
 */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.charAt(stat.lastIndexOf(')') + 2) !== 'Z';
  } catch {
    return true;
  }
}

/**
 * @param {string} path
 * @returns {Promise<boolean>}
 */
function accepts(path) {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
