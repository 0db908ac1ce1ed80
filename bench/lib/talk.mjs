/** Many light clients of one server, and the loops in which they send each other messages. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connectLight } from '../light-client.mjs';
import { createReceipts } from './receipts.mjs';
import { createStampReader, createUuids, nowMicroseconds, stampedText } from './stamp.mjs';
import { createTally } from './tally.mjs';

const OPENING_AT_ONCE = 64;
const DRAIN_MS = 10_000;
const TICK_MS = 1;
const SUCCESS = '[{"success":true';
const AFTER_REFUSAL_MS = 20;

/**
 * @typedef {{ auth: object, chatId?: string, listeners?: number }} Person `listeners`: how many others are in the chat
 * @param {{ host: string, port: number, waitFor?: string }} target
 * @param {Person[]} people
 */
export async function openTalk(target, people) {
  const tally = createTally();
  const receipts = createReceipts(people.some((person) => person.chatId) ? people.length : 0);
  const readStamp = createStampReader();
  const nextUuid = createUuids();
  const numbers = new Uint32Array(people.length);
  const clients = await openAll(target, people, { onDelivery, onClose });
  let talking = false;
  let closing = false;
  let inFlight = 0;
  let ticking = null;

  function onDelivery(receiver, bytes, start, end) {
    const stamp = readStamp(bytes, start, end);
    if (stamp === null) return;
    tally.delivered++;
    tally.deliveryBytes += end - start;
    tally.toDelivery.record(nowMicroseconds() - stamp.time);
    receipts.hear(receiver, stamp.sender, stamp.number);
  }

  function onClose(why) {
    if (!closing) tally.fail(`connection lost: ${why}`);
  }

  /** Sends one message; `time` is when it was due. `then` is called when it is acknowledged. */
  function send(index, time, then) {
    const { chatId, listeners } = people[index];
    const text = stampedText({ sender: index, number: ++numbers[index], time });
    const payload = `{"chatId":"${chatId}","content":"${text}","clientMessageId":"${nextUuid()}"}`;
    tally.sent++;
    inFlight++;
    clients[index].emit('message:send', payload, (bytes, start, end) => {
      inFlight--;
      const accepted = bytes.latin1Slice(start, start + SUCCESS.length) === SUCCESS;
      if (accepted) {
        tally.acked++;
        tally.ackBytes += end - start;
        tally.toAck.record(nowMicroseconds() - time);
        receipts.owe(listeners);
      } else tally.fail(`refused: ${bytes.latin1Slice(start, Math.min(end, start + 200))}`);
      then?.(accepted);
    });
  }

  function sendForEver(index) {
    if (!talking) return;
    send(index, nowMicroseconds(), (accepted) => {
      if (accepted) sendForEver(index);
      else setTimeout(sendForEver, AFTER_REFUSAL_MS, index);
    });
  }

  return {
    snapshot: tally.snapshot,

    /** Each sender sends his next message when the last is acknowledged. */
    startClosed: (senders) => {
      talking = true;
      senders.forEach(sendForEver);
    },

    /** `perSecond` messages at a steady rate, the senders in turn, whether or not acknowledgements come. */
    startOpen: (senders, perSecond) => {
      talking = true;
      const began = nowMicroseconds();
      let count = 0;
      ticking = setInterval(() => {
        const due = ((nowMicroseconds() - began) / 1e6) * perSecond;
        for (; count < due; count++)
          send(senders[count % senders.length], Math.round(began + (count / perSecond) * 1e6));
      }, TICK_MS);
    },

    /** Stops sending, waits for what is under way; answers whether all arrived, once. */
    stop: async () => {
      talking = false;
      clearInterval(ticking);
      const deadline = performance.now() + DRAIN_MS;
      while ((inFlight > 0 || !receipts.settled()) && performance.now() < deadline) await sleep(20);
      await sleep(100); // A repeated delivery comes late, if at all.
      return { ...receipts.summary(), unanswered: inFlight };
    },

    close: () => {
      closing = true;
      for (const client of clients) client.close();
    },
  };
}

async function openAll(target, people, { onDelivery, onClose }) {
  const clients = new Array(people.length);
  let next = 0;
  const opener = async () => {
    while (next < people.length) {
      const index = next++;
      clients[index] = await connectLight({
        ...target,
        auth: people[index].auth,
        onDelivery: (bytes, start, end) => onDelivery(index, bytes, start, end),
        onClose,
      });
    }
  };
  await Promise.all(Array.from({ length: OPENING_AT_ONCE }, opener));
  return clients;
}
