/** One keep-alive HTTP/1.1 connection on a plain socket, one request at a time; answers must carry Content-Length. */
import net from 'node:net';

/**
 * @param {{ host: string, port: number }} target
 * @param {(why: string) => void} onClose
 * @returns {Promise<{ send: (request: string, onAnswer: (status: number, body: Buffer) => void) => void, close: () => void }>}
 *   `body` is valid during the call.
 */
export function openHttp(target, onClose) {
  return new Promise((resolve, reject) => {
    let received = null;
    let answered = null;
    const socket = net.connect({ host: target.host, port: target.port, noDelay: true }, () =>
      resolve({
        send: (request, onAnswer) => {
          answered = onAnswer;
          socket.write(request);
        },
        close: () => socket.destroy(),
      }),
    );
    socket.on('error', reject);
    socket.on('close', () => onClose('closed'));
    socket.on('data', (chunk) => {
      received = received === null ? chunk : Buffer.concat([received, chunk]);
      const answer = parseAnswer(received);
      if (answer === null) return;
      received = null;
      answered(answer.status, answer.body);
    });
  });
}

function parseAnswer(bytes) {
  const headEnd = bytes.indexOf('\r\n\r\n', 0, 'latin1');
  if (headEnd === -1) return null;
  const head = bytes.latin1Slice(0, headEnd);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head);
  if (length === null) throw new Error(`An answer without Content-Length: ${head}`);
  const start = headEnd + 4;
  const end = start + Number(length[1]);
  return bytes.length < end ? null : { status: Number(head.slice(9, 12)), body: bytes.subarray(start, end) };
}

/** The bytes of a request; `body` is JSON, ASCII. */
export function httpRequest({ method, path, token, body }) {
  const entity =
    body === undefined ? '' : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
  const authorization = token === undefined ? '' : `Authorization: Bearer ${token}\r\n`;
  return `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${authorization}${entity}\r\n${body ?? ''}`;
}
