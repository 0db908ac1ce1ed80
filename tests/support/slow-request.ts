import { connect } from 'node:net';

/** A request that takes as long as the test wants: begun now, finished later. */
export type SlowRequest = Readonly<{
  /** Sends the rest; resolves to the whole answer. */
  finish(): Promise<{ status: number; body: unknown }>;
}>;

type Options = { port: number; method: string; path: string; token?: string; body?: object };

/**
 * Begins a request. One with a body is known to be under way when this resolves: the server has asked for the body.
 * One without has sent all but the last line of its headers.
 */
export function beginRequest({ port, method, path, token, body }: Options): Promise<SlowRequest> {
  const payload = body === undefined ? '' : JSON.stringify(body);
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const closed = new Promise<void>((resolve, reject) => {
    socket.once('close', () => resolve());
    socket.once('error', reject);
  });
  const rest = body === undefined ? '\r\n' : payload;
  const finish: SlowRequest['finish'] = async () => {
    socket.write(rest);
    await closed;
    const answer = text.slice(text.lastIndexOf('HTTP/1.1'));
    const status = Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0);
    const content = answer.slice(answer.indexOf('\r\n\r\n') + 4);
    const json = /^\s*\{/.test(content)
      ? content
      : content.slice(content.indexOf('{'), content.lastIndexOf('}') + 1);
    return { status, body: json === '' ? null : (JSON.parse(json) as unknown) };
  };
  return new Promise((resolve, reject) => {
    closed.catch(reject);
    const headers = [
      `${method} ${path} HTTP/1.1`,
      'Host: localhost',
      'Connection: close',
      ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
      ...(body === undefined
        ? []
        : [
            'Content-Type: application/json',
            `Content-Length: ${Buffer.byteLength(payload)}`,
            'Expect: 100-continue',
            '',
          ]),
    ];
    socket.write(`${headers.join('\r\n')}\r\n`, () => {
      if (body === undefined) resolve({ finish });
    });
    socket.on('data', () => {
      if (body !== undefined && text.includes('100 Continue')) resolve({ finish });
    });
  });
}
