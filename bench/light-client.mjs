/**
 * A light Socket.IO client: Engine.IO 4 over WebSocket alone, Socket.IO 5 packets, default namespace, no binary.
 * It parses only what a measurement needs, by bytes: which kind of packet, which acknowledgement, which event.
 */
import { openWebSocket } from './lib/ws-wire.mjs';

const PATH = '/socket.io/?EIO=4&transport=websocket';
const DIGIT_0 = 48;
const DIGIT_9 = 57;
/** Second byte of an Engine.IO message: the Socket.IO packet type. */
const [CONNECT, EVENT, ACK, CONNECT_ERROR] = ['0', '2', '3', '4'].map((type) => type.charCodeAt(0));
const [PING, MESSAGE] = ['2', '4'].map((type) => type.charCodeAt(0));
const EVENT_PREFIX = '42["';

/**
 * Connects and resolves when the server has accepted the `auth` payload (and sent `waitFor`, if named).
 * @param {{
 *   host: string, port: number, auth: object, waitFor?: string,
 *   onDelivery?: (bytes: Buffer, start: number, end: number) => void,
 *   delivery?: string, onClose?: (why: string) => void,
 * }} options `delivery`: the event that `onDelivery` is called for, with the packet's place in `bytes` (valid during the call).
 */
export function connectLight(options) {
  const delivery = `${EVENT_PREFIX}${options.delivery ?? 'message:new'}"`;
  const readyEvent = options.waitFor === undefined ? null : `${EVENT_PREFIX}${options.waitFor}"`;
  const waiting = new Map();
  let nextAckId = 0;

  return new Promise((resolve, reject) => {
    let ready = false;
    const client = { emit, close: () => wire.close() };
    const wire = openWebSocket(
      { host: options.host, port: options.port, path: PATH },
      {
        onOpen: () => wire.send(`40${JSON.stringify(options.auth)}`),
        onText,
        onClose: (why) => {
          if (!ready) reject(new Error(`No connection: ${why}`));
          else options.onClose?.(why);
        },
      },
    );

    function becomeReady() {
      ready = true;
      resolve(client);
    }

    function onText(bytes, start, end) {
      const engineType = bytes[start];
      if (engineType === PING) wire.send('3');
      if (engineType !== MESSAGE) return;
      const type = bytes[start + 1];
      if (type === EVENT) onEvent(bytes, start, end);
      else if (type === ACK) onAck(bytes, start + 2, end);
      else if (type === CONNECT && readyEvent === null) becomeReady();
      else if (type === CONNECT_ERROR) {
        reject(new Error(`Refused: ${bytes.latin1Slice(start + 2, end)}`));
        wire.close();
      }
    }

    function onEvent(bytes, start, end) {
      if (bytes.latin1Slice(start, start + delivery.length) === delivery)
        options.onDelivery?.(bytes, start, end);
      else if (
        !ready &&
        readyEvent !== null &&
        bytes.latin1Slice(start, start + readyEvent.length) === readyEvent
      )
        becomeReady();
    }

    function onAck(bytes, start, end) {
      let id = 0;
      let at = start;
      while (bytes[at] >= DIGIT_0 && bytes[at] <= DIGIT_9) id = id * 10 + bytes[at++] - DIGIT_0;
      const callback = waiting.get(id);
      waiting.delete(id);
      callback?.(bytes, at, end);
    }

    /**
     * Sends an event.
     * @param {string} payload JSON of the one argument, ASCII
     * @param {(bytes: Buffer, start: number, end: number) => void} callback gets the place of the JSON array the server answered
     */
    function emit(event, payload, callback) {
      const id = nextAckId++;
      waiting.set(id, callback);
      wire.send(`42${id}["${event}",${payload}]`);
    }
  });
}
