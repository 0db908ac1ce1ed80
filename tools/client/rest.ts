import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import type { ErrorBody } from '../../src/contract/events.js';
import type { Patience } from './patience.js';
import { exitCode, Stop } from './stop.js';

export type Call = {
  method: 'GET' | 'POST';
  path: string;
  body?: object;
  token?: string;
  /** The local address to come from; `fetch` can't be told, which is why this is node:http. */
  from?: string | undefined;
};

export type Answer<T> = { status: number; data: T; error: ErrorBody | null };

/** A server's REST side, asked as a polite client asks: waits when limited, tries again when it is away for a moment. */
export type Rest = {
  readonly url: string;
  /** Any answer but 429 and 503, which are waited out. */
  call<T>(call: Call): Promise<Answer<T>>;
  /** The data of an answer that must be a success; else Stop. */
  ask<T>(call: Call): Promise<T>;
  /** Whether a ready server answers at all; never waits. */
  isThere(): Promise<boolean>;
  close(): void;
};

type Raw = { status: number; retryAfter: number; body: unknown };

const AWAY_AT_MOST_MS = 30_000;
const RETRY_MS = 250;

export function createRest(url: string, patience: Patience): Rest {
  const { protocol } = new URL(url);
  const secure = protocol === 'https:';
  const agent = new (secure ? HttpsAgent : HttpAgent)({ keepAlive: true, maxSockets: 16 });

  function once({ method, path, body, token, from }: Call): Promise<Raw> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const request = (secure ? httpsRequest : httpRequest)(new URL(path, url), {
        agent,
        method,
        timeout: 15_000,
        headers: {
          ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        ...(from === undefined ? {} : { localAddress: from, family: 4 }),
      });
      request.on('timeout', () => request.destroy(new Error('no answer within 15 s')));
      request.on('error', reject);
      request.on('response', (response) => void rawOf(response).then(resolve, reject));
      request.end(payload);
    });
  }

  async function call<T>(asked: Call): Promise<Answer<T>> {
    const deadline = Date.now() + AWAY_AT_MOST_MS;
    for (;;) {
      const raw = await once(asked).catch((error: unknown) => {
        if (Date.now() > deadline) throw unreachable(url, error);
        return null;
      });
      if (raw?.status === 429) {
        await patience.wait(raw.retryAfter, asked.token === undefined ? 'this address' : 'a user');
      } else if (raw === null || (raw.status === 503 && Date.now() < deadline)) {
        await pause(RETRY_MS);
      } else {
        return answerOf<T>(url, raw);
      }
    }
  }

  return {
    url,
    call,
    ask: async <T>(asked: Call): Promise<T> => {
      const { status, data, error } = await call<T>(asked);
      if (error === null) return data;
      const what = `${asked.method} ${asked.path} failed with ${status} ${error.code}: ${error.message}`;
      throw new Stop(exitCode.failed, `${what} ${JSON.stringify(error.details ?? [])}`);
    },
    isThere: async () => {
      const raw = await once({ method: 'GET', path: '/readyz' }).catch(() => null);
      return raw?.status === 200;
    },
    close: () => agent.destroy(),
  };
}

export function unreachable(url: string, cause?: unknown): Stop {
  const why = cause instanceof Error ? ` (${cause.message})` : '';
  return new Stop(
    exitCode.unavailable,
    `No Parley server is ready at ${url}${why}.\nFix: npm start, or give its address with --url.`,
  );
}

async function rawOf(response: IncomingMessage): Promise<Raw> {
  const body = await text(response);
  let parsed: unknown = null;
  try {
    parsed = JSON.parse(body);
  } catch {
    // Judged by answerOf: something that is no Parley server answers in its own way.
  }
  const retryAfter = Math.max(1, Number(response.headers['retry-after'] ?? 1) || 1);
  return { status: response.statusCode ?? 0, retryAfter, body: parsed };
}

function answerOf<T>(url: string, { status, body }: Raw): Answer<T> {
  if (typeof body !== 'object' || body === null || !('success' in body)) {
    throw new Stop(exitCode.unavailable, `What answers at ${url} is not a Parley server.`);
  }
  const envelope = body as { success: boolean; data?: T; error?: ErrorBody };
  return { status, data: envelope.data as T, error: envelope.success ? null : (envelope.error ?? null) };
}
