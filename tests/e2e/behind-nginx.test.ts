import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { ChatView, MessageView } from '../../src/contract/views.js';
import { eventually } from '../support/eventually.js';
import { startNginx, type TestNginx } from '../support/nginx.js';
import { buildIfNeeded, deploy, type Deployment, type ParleyProcess } from '../support/process.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { connect, rest, scene, type Ear, type Person } from '../support/scene.js';

/** Three copies behind the repository's own nginx.conf, as on a VPS. */
jest.setTimeout(180_000);

let here: Deployment;
let redis: TestRedis;
let nginx: TestNginx;
let copies: ParleyProcess[];
let stage: ReturnType<typeof scene>;
let ann: Person;
let bob: Person;
let chat: ChatView;

const env = (): Record<string, string> => ({
  NODE_ENV: 'production',
  EMBEDDED: 'allow',
  HOST: '127.0.0.1',
  REDIS_URL: redis.url,
  TRUST_PROXY: '1',
  RATE_LIMIT_SCALE: '1000',
  EMAIL_VERIFICATION: 'off',
});

beforeAll(async () => {
  buildIfNeeded();
  [redis, here] = await Promise.all([startRedis(), deploy()]);
  copies = await Promise.all([0, 1, 2].map(() => here.start(env())));
  await Promise.all(copies.map((copy) => copy.up()));
  nginx = await startNginx(copies.map(({ port }) => port));
  stage = scene(nginx);
  ({ ann, bob } = await stage.people('ann', 'bob'));
  chat = await stage.direct(ann, bob);
});

afterAll(async () => {
  stage.close();
  await nginx.stop();
  await here.close();
  await redis.stop();
});

/** Each client comes from an address of its own, so that they are spread over the copies. */
const from = (index: number): Agent => new Agent({ keepAlive: true, localAddress: `127.0.0.${index + 2}` });

describe('twelve clients, each from its own address, all connect and hear each other', () => {
  test.each([
    ['by polling alone', { transports: ['polling'] }],
    ['as socket.io-client does by itself', { transports: ['polling', 'websocket'] }],
    ['by WebSocket alone', { transports: ['websocket'] }],
  ])('%s', async (_how, options) => {
    const ears = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        connect(nginx.url, {
          ...options,
          auth: { token: index % 2 === 0 ? ann.token : bob.token },
          agent: from(index) as never,
        }),
      ),
    );
    const nodes = new Set(
      ears.map(({ heardSoFar }) => (heardSoFar[0]?.payload as { node: string } | undefined)?.node),
    );
    expect(nodes.size).toBeGreaterThan(1);
    const [first, ...others] = ears;
    const sent = await first?.asks<MessageView>('message:send', {
      chatId: chat._id,
      content: 'to all',
      clientMessageId: randomUUID(),
    });
    const heard = await Promise.all(
      others.map((ear) => ear.hears('message:new', ({ message }) => message._id === sent?.data._id)),
    );
    expect(heard).toHaveLength(11);
    for (const ear of ears) ear.close();
  });
});

describe('what comes through', () => {
  test('a client cannot make up its address', async () => {
    const { token } = (
      await rest<{ token: string }>(nginx.url, 'POST', '/api/auth/login', {
        body: { username: ann.user.username, password: ann.password },
        headers: { 'x-forwarded-for': '203.0.113.7' },
      })
    ).body.data;
    const sessions = await rest<{ sessions: { ip: string; current: boolean }[] }>(
      nginx.url,
      'GET',
      '/api/auth/sessions',
      { headers: { authorization: `Bearer ${token}` } },
    );
    expect(sessions.body.data.sessions.find(({ current }) => current)?.ip).toBe('127.0.0.1');
  });

  test('/metrics is closed, and a body that is too large is refused before it reaches a copy', async () => {
    expect((await fetch(`${nginx.url}/metrics`)).status).toBe(404);
    const large = await fetch(`${nginx.url}/api/messages`, {
      method: 'POST',
      body: Buffer.alloc(12 * 1024 * 1024),
    });
    expect(large.status).toBe(413);
  });
});

describe('a rolling restart under load', () => {
  type Load = { sent: string[]; failed: string[]; stop(): Promise<void> };

  /** Posts messages one after the other, each from the same address over kept connections; nothing is sent twice. */
  function posting(agent: Agent, person: Person): Load {
    const sent: string[] = [];
    const failed: string[] = [];
    const state = { going: true };
    const post = (text: string): Promise<number> =>
      new Promise((resolve) => {
        const asking = request(
          `${nginx.url}/api/messages`,
          {
            method: 'POST',
            agent,
            headers: { 'content-type': 'application/json', authorization: `Bearer ${person.token}` },
          },
          (response) => response.resume().on('end', () => resolve(response.statusCode ?? 0)),
        );
        asking.on('error', () => resolve(0));
        asking.end(JSON.stringify({ chatId: chat._id, content: text }));
      });
    const running = (async () => {
      for (let index = 0; state.going && failed.length < 3; index += 1) {
        // About fifty messages a second by all of them together.
        await pause(80);
        const text = `${randomUUID()} ${index}`;
        const status = await post(text);
        (status === 201 ? sent : failed).push(status === 201 ? text : `${status} ${text}`);
      }
    })();
    return {
      sent,
      failed,
      stop: async () => {
        state.going = false;
        await running;
      },
    };
  }

  test('fails no request, hands sockets over within five seconds, and loses nothing', async () => {
    const before = chat.seq;
    const ears: Ear[] = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        connect(nginx.url, { auth: { token: bob.token }, agent: from(index) as never, reconnection: true }),
      ),
    );
    const away: { longest: number } = { longest: 0 };
    for (const { socket } of ears) {
      let since = 0;
      socket.on('disconnect', () => (since = performance.now()));
      socket.on(
        'connect',
        () => (away.longest = Math.max(away.longest, since === 0 ? 0 : performance.now() - since)),
      );
    }
    const loads = [20, 21, 22, 23].map((index) => posting(from(index), ann));

    for (const [index, copy] of copies.entries()) {
      const { port } = copy;
      expect(await copy.end('SIGTERM')).toEqual({ code: 0, signal: null });
      const next = await here.start({ ...env(), PORT: String(port) });
      await next.up();
      copies[index] = next;
      await eventually(() => expect(ears.every(({ socket }) => socket.connected)).toBe(true), {
        timeoutMs: 10_000,
      });
    }
    await Promise.all(loads.map((load) => load.stop()));
    expect(loads.flatMap(({ failed }) => failed)).toEqual([]);
    expect(away.longest).toBeGreaterThan(0);
    expect(away.longest).toBeLessThan(5_000);

    const sent = loads.flatMap((load) => load.sent);
    expect(sent.length).toBeGreaterThan(20);
    const stored: string[] = [];
    for (let after = before; ;) {
      const page = await ann.rest<{ messages: MessageView[] }>(
        'GET',
        `/api/messages/${chat._id}?after=${after}&limit=100`,
      );
      const { messages } = page.body.data;
      stored.push(...messages.map(({ content }) => content.text ?? ''));
      if (messages.length === 0) break;
      after = messages.at(-1)?.seq ?? after;
    }
    expect(stored.filter((text) => sent.includes(text)).sort()).toEqual([...sent].sort());
    for (const ear of ears) ear.close();
  });
});
