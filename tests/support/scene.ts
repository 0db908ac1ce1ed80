import { randomBytes, randomUUID } from 'node:crypto';
import { io, type Socket } from 'socket.io-client';
import type { ErrorBody, ServerEventName, ServerEvents } from '../../src/contract/events.js';
import type { ChatView, MessageView, OwnUser } from '../../src/contract/views.js';

/** Tests speak of people: `const { ann, bob } = await scene(server).people('ann', 'bob')`. */

/** Either shape of the envelope; a test looks at the half it expects. */
export type Envelope<T> = { success: boolean; message: string; data: T; error: ErrorBody };

export type Answer<T> = { status: number; headers: Headers; body: Envelope<T> };

/** A socket that remembers all it heard, so that a test can ask for what came before it looked. */
export type Ear = {
  readonly socket: Socket;
  readonly heardSoFar: readonly { event: string; payload: unknown }[];
  /** The next `event` (that fits), already heard or still to come; each is handed out once. */
  hears<E extends ServerEventName>(
    event: E,
    fits?: (payload: ServerEvents[E]) => boolean,
    timeoutMs?: number,
  ): Promise<ServerEvents[E]>;
  /** Sends and waits for the acknowledgement. */
  asks<T>(event: string, payload?: unknown): Promise<Envelope<T>>;
  close(): void;
};

export type Person = {
  readonly name: string;
  readonly id: string;
  readonly user: OwnUser;
  readonly token: string;
  readonly password: string;
  rest<T = unknown>(method: string, path: string, body?: unknown, url?: string): Promise<Answer<T>>;
  /** A live socket, to `url` (another node) if given; resolves at connection:established. */
  connects(url?: string): Promise<Ear>;
  /** POST /api/messages, which must succeed. */
  sends(chatId: string, text: string, clientMessageId?: string): Promise<MessageView>;
};

export async function rest<T>(
  url: string,
  method: string,
  path: string,
  options: { body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer<T>> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: JSON.parse(text === '' ? '{}' : text) as Envelope<T>,
  };
}

export function connect(url: string, options: Parameters<typeof io>[1] = {}): Promise<Ear> {
  const socket = io(url, { transports: ['websocket'], forceNew: true, reconnection: false, ...options });
  const heard: { event: string; payload: unknown }[] = [];
  const waiting = new Set<() => void>();
  socket.onAny((event: string, payload: unknown) => {
    heard.push({ event, payload });
    for (const look of [...waiting]) look();
  });
  const taken = new Set<unknown>();
  const ear: Ear = {
    socket,
    heardSoFar: heard,
    hears: (event, fits = () => true, timeoutMs = 5_000) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(look);
          reject(
            new Error(`${event} was not heard; heard: ${heard.map((h) => h.event).join(', ') || 'nothing'}`),
          );
        }, timeoutMs).unref();
        const look = (): void => {
          const found = heard.find((h) => h.event === event && !taken.has(h) && fits(h.payload as never));
          if (found === undefined) return;
          taken.add(found);
          clearTimeout(timer);
          waiting.delete(look);
          resolve(found.payload as never);
        };
        waiting.add(look);
        look();
      }),
    asks: (event, payload) => socket.timeout(10_000).emitWithAck(event, payload) as Promise<Envelope<never>>,
    close: () => socket.disconnect(),
  };
  return new Promise((resolve, reject) => {
    socket.once('connect_error', (error) => {
      socket.disconnect();
      reject(error);
    });
    ear.hears('connection:established').then(() => {
      // Whoever wants it finds it among what was heard so far.
      resolve(ear);
    }, reject);
  });
}

export function scene(server: { url: string }) {
  const ears: Ear[] = [];

  async function person(name: string): Promise<Person> {
    const tag = randomBytes(4).toString('hex');
    const password = `${name}-${tag}-secret`;
    const answer = await rest<{ user: OwnUser; token: string }>(server.url, 'POST', '/api/auth/register', {
      body: { username: `${name}_${tag}`, email: `${name}.${tag}@example.org`, password, firstName: name },
    });
    if (answer.status !== 201) throw new Error(`${name} could not register: ${JSON.stringify(answer.body)}`);
    const { user, token } = answer.body.data;
    const self: Person = {
      ...{ name, id: user.id, user, token, password },
      rest: (method, path, body, url = server.url) =>
        rest(url, method, path, {
          ...(body === undefined ? {} : { body }),
          headers: { authorization: `Bearer ${token}` },
        }),
      connects: async (url = server.url) => {
        const ear = await connect(url, { auth: { token } });
        ears.push(ear);
        return ear;
      },
      sends: async (chatId, text, clientMessageId = randomUUID()) => {
        const sent = await self.rest<MessageView>('POST', '/api/messages', {
          chatId,
          content: text,
          clientMessageId,
        });
        if (sent.status !== 201) throw new Error(`not sent: ${JSON.stringify(sent.body)}`);
        return sent.body.data;
      },
    };
    return self;
  }

  return {
    person,
    people: async <const N extends string>(...names: N[]): Promise<Record<N, Person>> => {
      const made = await Promise.all(names.map(person));
      return Object.fromEntries(names.map((name, index) => [name, made[index]])) as Record<N, Person>;
    },
    direct: async (a: Person, b: Person): Promise<ChatView> =>
      (await a.rest<ChatView>('POST', '/api/chats', { userId: b.id })).body.data,
    group: async (owner: Person, others: Person[], chatName = 'A group'): Promise<ChatView> =>
      (await owner.rest<ChatView>('POST', '/api/chats', { users: others.map((p) => p.id), chatName })).body
        .data,
    /** A live socket with any token. */
    connect: async (token: string, url = server.url): Promise<Ear> => {
      const ear = await connect(url, { auth: { token } });
      ears.push(ear);
      return ear;
    },
    /** Closes every socket that the scene's people opened. */
    close: (): void => {
      for (const ear of ears.splice(0)) ear.close();
    },
  };
}
