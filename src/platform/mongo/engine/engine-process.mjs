/**
 * The process that serves the database of one data folder to every app that shares it.
 *
 * It opens the embedded engine, or runs a `mongod` as its child, on one stable unix socket, and stays for as
 * long as somebody is connected to its control socket. The kernel closes that connection even when an app is
 * killed, so no engine is ever left behind.
 *
 * Order matters: sockets are taken over only after the data folder's own lock has been won (`open`), and given
 * back before it is released, so a new process never removes the socket of a living one, nor the other way.
 *
 * Control protocol, in lines: on connect we send {"pid","kind","dbDir"}; on `leave` we answer `shared` when
 * others stay, else `last`, and end. We never close that connection ourselves: its end means we are gone.
 *
 * Plain JavaScript on node's own modules, because it also has to start where only the TypeScript sources are.
 */
import { unlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { openEmbedded } from './embedded-engine.mjs';
import { openMongod } from './mongod-child.mjs';

/**
 * @typedef {object} Options
 * @property {'embedded' | 'mongod' | 'download'} kind
 * @property {string} dbDir the folder of the data files
 * @property {string | null} mongod path of the program; null for the embedded engine
 * @property {string} socketDir private folder of both sockets
 * @property {string} mongoSocket where drivers connect
 * @property {string} controlSocket where apps say that they are there
 * @property {number} lingerMs how long to stay after the last app has gone without a word
 */

/**
 * @typedef {object} Backend
 * @property {() => Promise<void>} close ends it cleanly, everything on disk
 * @property {Promise<string>} died resolves with the reason when it ends by itself
 */

/** Another process has the data folder open. The number is known to launch.ts. */
const EXIT_BUSY = 75;
/** Nobody has connected since we opened: whoever started us has died. */
const FIRST_CONNECTION_MS = 10_000;
/** Apps wait 10 s for us to end; an engine that hangs must not outlive that. Acknowledged writes are journaled. */
const CLOSE_TIMEOUT_MS = 9_000;

/** @type {Options} */
const options = JSON.parse(process.argv[2] ?? '{}');
process.umask(0o077);
// Ctrl-C and a closing terminal are for the apps: they let go of us when they are done.
process.on('SIGINT', () => undefined);
process.on('SIGHUP', () => undefined);

/** @param {string} text */
function log(text) {
  process.stdout.write(`${new Date().toISOString()} [${process.pid}] ${text}\n`);
}

/** @param {unknown} error */
function reasonOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/** @returns {Promise<Backend>} */
async function openBackend() {
  try {
    return options.mongod === null
      ? await openEmbedded({ dbDir: options.dbDir, socket: options.mongoSocket })
      : await openMongod({ ...options, mongod: options.mongod, socket: options.mongoSocket });
  } catch (error) {
    const reason = reasonOf(error);
    log(reason);
    process.exit(reason.includes('DBPathInUse') ? EXIT_BUSY : 1);
  }
}

const backend = await openBackend();

/** @type {Set<import('node:net').Socket>} */
const apps = new Set();
let ending = false;
/** @type {NodeJS.Timeout | undefined} */
let linger;

/** @param {string} why */
async function end(why) {
  if (ending) return;
  ending = true;
  clearTimeout(linger);
  log(`closing: ${why}`);
  setTimeout(() => {
    log('closing took too long');
    process.exit(1);
  }, CLOSE_TIMEOUT_MS).unref();
  // Stops listening and removes the socket; open connections stay until the process is over.
  control.close();
  try {
    await backend.close();
    log('closed');
    process.exit(0);
  } catch (error) {
    log(`closing failed: ${reasonOf(error)}`);
    process.exit(1);
  }
}

/** @param {number} ms */
function endWhenAlone(ms) {
  clearTimeout(linger);
  linger = setTimeout(() => void (apps.size === 0 && end('no app is connected')), ms);
}

const control = createServer((app) => {
  apps.add(app);
  clearTimeout(linger);
  app.setEncoding('utf8');
  app.on('error', () => undefined);
  app.on('close', () => {
    apps.delete(app);
    if (apps.size === 0 && !ending) endWhenAlone(options.lingerMs);
  });
  app.on('data', (text) => {
    if (!String(text).includes('leave')) return;
    const last = apps.size === 1 || ending;
    app.write(last ? 'last\n' : 'shared\n');
    apps.delete(app);
    if (last) void end('the last app has left');
  });
  app.write(`${JSON.stringify({ pid: process.pid, kind: options.kind, dbDir: options.dbDir })}\n`);
});

process.on('SIGTERM', () => void end('SIGTERM'));
void backend.died.then((reason) => {
  if (ending) return;
  log(reason);
  process.exit(1);
});

await unlink(options.controlSocket).catch(() => undefined);
control.listen(options.controlSocket, () => {
  log(`open: ${options.kind}, ${options.dbDir}`);
  endWhenAlone(FIRST_CONNECTION_MS);
});
