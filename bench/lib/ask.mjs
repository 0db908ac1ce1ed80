/** A closed loop of HTTP requests over keep-alive connections. */
import { setTimeout as sleep } from 'node:timers/promises';
import { httpRequest, openHttp } from './http-wire.mjs';
import { createUuids, nowMicroseconds, stampedText } from './stamp.mjs';
import { createTally } from './tally.mjs';

const DRAIN_MS = 10_000;

/**
 * @typedef {{ method: string, path: string, token?: string, chatId?: string }} Asker one connection's request, again and
 *   again; with a `chatId` each is a new message to that chat
 * @param {{ host: string, port: number }} target
 * @param {Asker[]} askers
 */
export function createAsk(target, askers) {
  const tally = createTally();
  const nextUuid = createUuids();
  let connections = [];
  let asking = false;
  let closing = false;
  let inFlight = 0;

  function onClose(why) {
    if (!closing) tally.fail(`connection lost: ${why}`);
  }

  const bodyFor = (index, time) =>
    `{"chatId":"${askers[index].chatId}","content":"${stampedText({ sender: index, number: tally.sent, time })}",` +
    `"clientMessageId":"${nextUuid()}"}`;

  function askForEver(index) {
    if (!asking) return;
    const asker = askers[index];
    const time = nowMicroseconds();
    const body = asker.chatId === undefined ? undefined : bodyFor(index, time);
    tally.sent++;
    inFlight++;
    connections[index].send(httpRequest({ ...asker, body }), (status, answer) => {
      inFlight--;
      tally.toAck.record(nowMicroseconds() - time);
      tally.ackBytes += answer.length;
      tally.acked++;
      if (status >= 300) tally.fail(`${status}: ${answer.latin1Slice(0, 200)}`);
      askForEver(index);
    });
  }

  function close() {
    closing = true;
    for (const connection of connections) connection.close();
    connections = [];
  }

  return {
    snapshot: tally.snapshot,

    /** Opens the connections afresh (servers close idle ones) and asks over them until `stop`. */
    start: async () => {
      closing = false;
      connections = await Promise.all(askers.map(() => openHttp(target, onClose)));
      asking = true;
      inFlight = 0;
      askers.forEach((_asker, index) => askForEver(index));
    },

    stop: async () => {
      asking = false;
      const deadline = performance.now() + DRAIN_MS;
      while (inFlight > 0 && performance.now() < deadline) await sleep(10);
      close();
      return { unanswered: inFlight };
    },

    close,
  };
}
