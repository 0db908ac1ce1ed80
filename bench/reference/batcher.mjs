/**
 * Self-clocking batches: at most two `insertMany` in flight; what arrives meanwhile forms the next one. No timer, so
 * an idle server stores at once and a busy one in large batches.
 */
import { MongoClient } from 'mongodb';

const FLUSHES_AT_ONCE = 2;
const BATCH_MOST = 1000;

/** @param {string} uri with the database's name */
export async function openBatcher(uri) {
  const client = await MongoClient.connect(uri);
  const collection = client.db().collection('messages');
  const waiting = [];
  let flushes = 0;

  async function flush() {
    flushes++;
    const batch = waiting.splice(0, BATCH_MOST);
    try {
      await collection.insertMany(
        batch.map(({ document }) => document),
        { writeConcern: { j: true } },
      );
      for (const { resolve } of batch) resolve();
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    flushes--;
    if (waiting.length > 0) flushSoon();
  }

  function flushSoon() {
    if (flushes < FLUSHES_AT_ONCE) void flush();
  }

  return {
    /** Resolves when the document is on disk. */
    insert: (document) =>
      new Promise((resolve, reject) => {
        waiting.push({ document, resolve, reject });
        if (waiting.length === 1) setImmediate(flushSoon);
      }),
  };
}
