import { io, type Socket } from 'socket.io-client';
import type { ErrorBody, FailureEnvelope, SuccessEnvelope } from '../../src/contract/events.js';

export type Seat = { url: string; token: string; from: string | undefined };

/** The server was there and said no. */
export class Refused extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'Refused';
  }
}

const CONNECT_MS = 10_000;
const ANSWER_MS = 10_000;

/**
 * A live socket, in all its rooms. Rejects with `Refused`, or with whatever kept it from the server. It never comes back by
 * itself: who lost a connection has to sync, so its owner must know.
 */
export function openSocket({ url, token, from }: Seat): Promise<Socket> {
  const settings = {
    transports: ['websocket'],
    forceNew: true,
    reconnection: false,
    timeout: CONNECT_MS,
    auth: { token },
    // Passed on to the WebSocket; not among the documented options.
    ...(from === undefined ? {} : { localAddress: from, family: 4 }),
  };
  const socket = io(url, settings);
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(socket));
    socket.once('connect_error', (error: Error & { data?: { code?: string } }) => {
      socket.disconnect();
      const code = error.data?.code;
      reject(code === undefined ? error : new Refused(code, error.message));
    });
  });
}

export type Ack<T> = { ok: true; data: T } | { ok: false; error: ErrorBody };

/** Null: no acknowledgement came, so nobody knows whether it was done. */
export async function emitAcked<T>(socket: Socket, event: string, payload: unknown): Promise<Ack<T> | null> {
  let answer: SuccessEnvelope<T> | FailureEnvelope;
  try {
    answer = (await socket.timeout(ANSWER_MS).emitWithAck(event, payload)) as typeof answer;
  } catch {
    return null;
  }
  return answer.success ? { ok: true, data: answer.data } : { ok: false, error: answer.error };
}
