/**
 * The client half of WebSocket (RFC 6455) on a plain socket: text frames, ping, close; no extensions, no fragments.
 * A load generator must cost less than what it measures. Here a received frame is a pair of offsets into one read
 * buffer that all connections share (everything is consumed synchronously), and nothing is decoded.
 */
import { randomBytes } from 'node:crypto';
import net from 'node:net';

const TEXT = 0x1;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;
const FIN = 0x80;
const MASKED = 0x80;
const MASK_KEY_BYTES = 4;

const readBuffer = Buffer.allocUnsafe(256 * 1024);

/**
 * A masked frame. The key is zero, so masking changes nothing and costs nothing here; the server unmasks all the same.
 * @param {string} text ASCII
 */
function encodeText(text, opcode = TEXT) {
  const { length } = text;
  const headerBytes = (length < 126 ? 2 : 4) + MASK_KEY_BYTES;
  if (length > 0xffff) throw new RangeError('This client sends at most 65,535 bytes in a frame.');
  const frame = Buffer.allocUnsafe(headerBytes + length);
  frame[0] = FIN | opcode;
  if (length < 126) frame[1] = MASKED | length;
  else {
    frame[1] = MASKED | 126;
    frame.writeUInt16BE(length, 2);
  }
  frame.fill(0, headerBytes - MASK_KEY_BYTES, headerBytes);
  frame.latin1Write(text, headerBytes);
  return frame;
}

/**
 * Opens a connection.
 * @param {{ host: string, port: number, path: string }} target
 * @param {{ onOpen: () => void, onText: (buffer: Buffer, start: number, end: number) => void, onClose: (why: string) => void }} handler
 *   `onText` must be done with the buffer when it returns.
 * @returns {{ send: (text: string) => void, close: () => void }}
 */
export function openWebSocket(target, handler) {
  let rest = null;
  let consume = consumeHandshake;
  let closed = false;

  const socket = net.connect({
    host: target.host,
    port: target.port,
    noDelay: true,
    onread: {
      buffer: readBuffer,
      callback: (count) => {
        let bytes = readBuffer;
        let end = count;
        if (rest !== null) {
          bytes = Buffer.concat([rest, readBuffer.subarray(0, count)]);
          end = bytes.length;
          rest = null;
        }
        const used = consume(bytes, end);
        if (used < end) rest = Buffer.from(bytes.subarray(used, end));
        return true;
      },
    },
  });
  socket.on('connect', () => {
    socket.write(
      `GET ${target.path} HTTP/1.1\r\nHost: ${target.host}:${target.port}\r\nUpgrade: websocket\r\n` +
        `Connection: Upgrade\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    );
  });
  socket.on('error', (error) => finish(error.message));
  socket.on('close', () => finish('closed'));

  function finish(why) {
    if (closed) return;
    closed = true;
    socket.destroy();
    handler.onClose(why);
  }

  function consumeHandshake(bytes, end) {
    const head = bytes.latin1Slice(0, end);
    const headEnd = head.indexOf('\r\n\r\n');
    if (headEnd === -1) return 0;
    if (!head.startsWith('HTTP/1.1 101')) {
      finish(`refused: ${head.slice(0, head.indexOf('\r\n'))}`);
      return end;
    }
    consume = consumeFrames;
    handler.onOpen();
    return headEnd + 4 + consumeFrames(bytes.subarray(headEnd + 4, end), end - headEnd - 4);
  }

  /** Takes all whole frames out of `bytes`; answers how many bytes they were. */
  function consumeFrames(bytes, end) {
    let at = 0;
    while (end - at >= 2) {
      let length = bytes[at + 1] & 0x7f;
      let start = at + 2;
      if (length === 126) {
        if (end - at < 4) break;
        length = bytes.readUInt16BE(at + 2);
        start = at + 4;
      } else if (length === 127) {
        if (end - at < 10) break;
        length = Number(bytes.readBigUInt64BE(at + 2));
        start = at + 10;
      }
      if (start + length > end) break;
      onFrame(bytes[at] & 0x0f, bytes, start, start + length);
      at = start + length;
    }
    return at;
  }

  function onFrame(opcode, bytes, start, end) {
    if (opcode === TEXT) handler.onText(bytes, start, end);
    else if (opcode === PING) socket.write(encodeText(bytes.latin1Slice(start, end), PONG));
    else if (opcode === CLOSE) finish('closed by the server');
  }

  return {
    send: (text) => {
      if (!closed) socket.write(encodeText(text));
    },
    close: () => {
      if (!closed) socket.write(encodeText('', CLOSE));
      finish('closed by this client');
    },
  };
}
