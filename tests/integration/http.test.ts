import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connect as connectTcp } from 'node:net';
import { text } from 'node:stream/consumers';
import { deploy, type Deployment } from '../support/deployment.js';
import { eventually } from '../support/eventually.js';
import { startMongoProxy, type MongoProxy } from '../support/mongo-proxy.js';
import { rest, scene, type Person } from '../support/scene.js';

const allowed = 'https://app.example.org';
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

let deployment: Deployment;
let url: string;
beforeAll(async () => {
  deployment = await deploy('one process', { env: { CORS_ORIGINS: allowed } });
  url = deployment.here.url;
});
afterAll(() => deployment.close());

const ask = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> =>
  fetch(`${url}${path}`, { method, headers });

describe('every answer', () => {
  test('bears the caller’s request id when it is sane, else a new one', async () => {
    for (const sane of ['abc', 'a-b_c:d.e', '0'.repeat(128), '550e8400-e29b-41d4-a716-446655440000']) {
      expect((await ask('/health', { 'x-request-id': sane })).headers.get('x-request-id')).toBe(sane);
    }
    for (const odd of ['', 'a b', '<script>', 'a'.repeat(129), 'é', '{"a":1}', 'a,b']) {
      expect((await ask('/api/chats', { 'x-request-id': odd })).headers.get('x-request-id')).toMatch(uuid);
    }
    const first = (await ask('/no/such/page')).headers.get('x-request-id');
    const failed = await rest<never>(url, 'GET', '/api/chats', { headers: { 'x-request-id': 'mine' } });
    expect(first).toMatch(uuid);
    expect([failed.body.error.requestId, failed.headers.get('x-request-id')]).toEqual(['mine', 'mine']);
  });

  test('bears the headers that keep a browser out of trouble, and none that tells of us', async () => {
    for (const path of ['/health', '/api/chats', '/no/such/page']) {
      const { headers } = await ask(path);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toContain("default-src 'self'");
      expect(headers.get('x-frame-options')).toBe('SAMEORIGIN');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('strict-transport-security')).toMatch(/max-age=\d{7,}/);
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
      expect([headers.get('x-powered-by'), headers.get('server')]).toEqual([null, null]);
    }
  });

  test('to an allowed origin lets its page read it, to others not', async () => {
    const ours = await ask('/api/chats', { origin: allowed });
    expect(ours.headers.get('access-control-allow-origin')).toBe(allowed);
    expect(ours.headers.get('access-control-allow-credentials')).toBe('true');
    expect(ours.headers.get('vary')).toMatch(/\borigin\b/i);
    expect(ours.headers.get('access-control-expose-headers')).toMatch(/X-Request-Id.*RateLimit.*Retry-After/);
    for (const origin of [
      'https://evil.example',
      'null',
      'http://app.example.org',
      `${allowed}.evil.example`,
    ]) {
      const theirs = await ask('/api/chats', { origin });
      expect([origin, theirs.headers.get('access-control-allow-origin')]).toEqual([origin, null]);
    }
    const asked = { origin: allowed, 'access-control-request-method': 'PATCH' };
    const preflight = await ask(
      '/api/chats/x',
      { ...asked, 'access-control-request-headers': 'authorization' },
      'OPTIONS',
    );
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-methods')).toContain('PATCH');
    expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization');
    const foreign = await ask('/api/chats/x', { ...asked, origin: 'https://evil.example' }, 'OPTIONS');
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull();
  });

  test.each([
    ...[
      '/',
      '/no/such/page',
      '/api',
      '/api/',
      '/api/no',
      '/api/chats/x/y/z',
      '/..%2f',
      '/api/messages',
      '/admin.php',
    ],
  ])('to what is not there, %s, is a 404 in JSON without internals', async (path) => {
    const response = await ask(path);
    const body = await response.text();
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(JSON.parse(body)).toMatchObject({ success: false, error: { code: 'NOT_FOUND' } });
    expect(body).not.toMatch(/Cannot GET|node_modules|stack|\.js/);
  });

  test('HEAD is GET without the body, OPTIONS says what is possible, other methods are not there', async () => {
    const stage = scene(deployment.here);
    const ann = await stage.person('ann');
    const headers = { authorization: `Bearer ${ann.token}` };
    const [head, get] = [await ask('/api/chats', headers, 'HEAD'), await ask('/api/chats', headers)];
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect(head.headers.get('content-length')).toBe(String((await get.text()).length));
    const options = await ask('/api/chats', {}, 'OPTIONS');
    expect(options.status).toBeLessThan(300);
    for (const method of ['PUT', 'DELETE', 'PATCH', 'PROPFIND']) {
      expect([method, (await ask('/api/chats', headers, method)).status]).toEqual([method, 404]);
    }
  });

  test('to a line that is not HTTP is 400, and the server goes on', async () => {
    const socket = connectTcp(Number(new URL(url).port), '127.0.0.1');
    socket.end('GET / HTTP/9.9\r\nHost\r\n\r\n');
    expect(await text(socket)).toMatch(/^HTTP\/1.1 400/);
    expect((await ask('/health')).status).toBe(200);
  });
});

describe('health', () => {
  test('/health and /healthz say that the process lives, and how', async () => {
    for (const path of ['/health', '/healthz']) {
      const { status, body } = await rest(url, 'GET', path);
      expect(status).toBe(200);
      expect(body).toMatchObject({
        ...{ success: true, status: 'ok', version: 'test', uptime: expect.any(Number) },
        ...{
          timestamp: expect.any(String),
          memory: { rss: expect.any(Number), heapUsed: expect.any(Number) },
        },
      });
    }
  });

  test('/readyz names what is missing, and comes back with it', async () => {
    let proxy: MongoProxy | null = null;
    const own = await deploy('two nodes', {
      mongoUri: async (real) => (proxy = await startMongoProxy(real)).uri,
    });
    const ready = async (): Promise<[number, unknown, unknown]> => {
      const { status, body } = await rest(own.here.url, 'GET', '/readyz');
      const { checks } = body as unknown as {
        checks: Record<string, { ok: boolean; latencyMs: number | null }>;
      };
      return [status, checks.mongodb?.ok, checks.keyStore?.ok];
    };
    const line = proxy as unknown as MongoProxy;
    try {
      expect(await ready()).toEqual([200, true, true]);
      await line.cut();
      await eventually(async () => expect(await ready()).toEqual([503, false, true]));
      await line.mend();
      await eventually(async () => expect(await ready()).toEqual([200, true, true]));
      await own.redis?.kill();
      await eventually(async () => expect(await ready()).toEqual([503, true, false]));
      expect((await rest(own.here.url, 'GET', '/health')).status).toBe(200);
      await own.redis?.restart();
      await eventually(async () => expect(await ready()).toEqual([200, true, true]));
    } finally {
      await line.mend();
      await own.close();
      await line.close();
    }
  });
});

describe('the general allowance', () => {
  let limited: Deployment;
  let ann: Person;
  let bob: Person;
  beforeAll(async () => {
    limited = await deploy('two nodes', {
      env: {
        RATE_LIMIT_SCALE: '1',
        RATE_LIMIT_ANONYMOUS: '5/15m',
        RATE_LIMIT_USER: '8/15m',
        TRUST_PROXY: '2',
      },
    });
    const stage = scene(limited.here);
    ({ ann, bob } = await stage.people('ann', 'bob'));
  });
  afterAll(() => limited.close());

  let turn = 0;
  /** `forwarded`: what came through; a client can write the left, the two proxies of ours wrote the right. */
  async function asks(forwarded: string, person?: Person): Promise<Response> {
    turn += 1;
    const { url: node } = turn % 2 === 0 ? limited.here : limited.there;
    return fetch(`${node}/api/auth/me`, {
      headers: {
        'x-forwarded-for': forwarded,
        ...(person === undefined ? {} : { authorization: `Bearer ${person.token}` }),
      },
    });
  }
  const statuses = async (count: number, one: (index: number) => Promise<Response>): Promise<number[]> => {
    const seen = [];
    for (let i = 0; i < count; i += 1) seen.push((await one(i)).status);
    return seen;
  };

  test('of a stranger is by address, on all nodes together, and says so in the headers of draft 8', async () => {
    const first = await asks('198.51.100.1, 10.0.0.1');
    expect(first.headers.get('ratelimit-policy')).toMatch(/^"anonymous"; q=5; w=900(; pk=:\S+:)?$/);
    expect(first.headers.get('ratelimit')).toMatch(/^"anonymous"; r=4; t=\d{1,3}$/);
    expect(first.headers.get('x-ratelimit-limit')).toBeNull();
    expect(await statuses(4, () => asks('198.51.100.1, 10.0.0.1'))).toEqual([401, 401, 401, 401]);

    const last = await asks('198.51.100.1, 10.0.0.1');
    expect(last.status).toBe(429);
    expect(last.headers.get('ratelimit')).toMatch(/^"anonymous"; r=0; t=\d{1,3}$/);
    const wait = Number(last.headers.get('retry-after'));
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(900);
    expect(await last.json()).toMatchObject({ success: false, error: { code: 'LIMITED', retryAfter: wait } });
    expect((await asks('198.51.100.2, 10.0.0.1')).status).toBe(401);
  });

  test('goes by the address that our own proxies saw: what a client claims is not believed', async () => {
    const lying = (index: number) => asks(`203.0.113.${index}, 198.51.100.9, 10.0.0.1`);
    expect(await statuses(6, lying)).toEqual([401, 401, 401, 401, 401, 429]);
    // One IPv6 customer has a whole network of addresses.
    const many = (index: number) => asks(`2001:db8:1:1::${index}, 10.0.0.1`);
    expect(await statuses(6, many)).toEqual([401, 401, 401, 401, 401, 429]);
  });

  test('of someone signed in is by user, wherever he is, and an office does not share it', async () => {
    const office = '198.51.100.77, 10.0.0.1';
    expect(await statuses(6, () => asks(office))).toEqual([401, 401, 401, 401, 401, 429]);
    const first = await asks(office, ann);
    expect(first.headers.get('ratelimit-policy')).toMatch(/^"user"; q=8; w=900/);
    expect(await statuses(7, (i) => asks(`198.51.100.${i}, 10.0.0.1`, ann))).toEqual(Array(7).fill(200));
    expect((await asks('198.51.100.200, 10.0.0.1', ann)).status).toBe(429);
    expect((await asks(office, bob)).status).toBe(200);
  });

  test('does not count health', async () => {
    const headers = { 'x-forwarded-for': '198.51.100.1, 10.0.0.1' };
    for (const path of ['/health', '/healthz', '/readyz']) {
      const response = await fetch(`${limited.here.url}${path}`, { headers });
      expect([response.status, response.headers.get('ratelimit')]).toEqual([200, null]);
    }
  });
});

test('messages are limited by user, by both doors together', async () => {
  const own = await deploy('two nodes', { env: { RATE_LIMIT_SCALE: '1', RATE_LIMIT_MESSAGES: '4/1m' } });
  const stage = scene(own.here);
  try {
    const { ann, bob } = await stage.people('ann', 'bob');
    const chat = await stage.direct(ann, bob);
    const annThere = await ann.connects(own.there.url);
    const message = { chatId: chat._id, content: 'hello' };
    for (let i = 0; i < 2; i += 1) {
      expect((await ann.rest('POST', '/api/messages', message)).status).toBe(201);
      expect(await annThere.asks('message:send', message)).toMatchObject({ success: true });
    }
    const byRest = await ann.rest('POST', '/api/messages', message);
    expect([byRest.status, byRest.body.error.code]).toEqual([429, 'LIMITED']);
    expect(Number(byRest.headers.get('retry-after'))).toBeGreaterThan(0);
    const bySocket = await annThere.asks('message:send', message);
    expect(bySocket.error).toMatchObject({ code: 'LIMITED', retryAfter: expect.any(Number) });
    expect((await bob.rest('POST', '/api/messages', message)).status).toBe(201);
  } finally {
    stage.close();
    await own.close();
  }
});
