import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { get } from 'node:http';
import { deploy, type Deployment } from '../support/deployment.js';
import { eventually } from '../support/eventually.js';
import { connect, rest, scene, type Ear, type Person } from '../support/scene.js';

const allowed = 'https://app.example.org';

let deployment: Deployment;
let stage: ReturnType<typeof scene>;
let ann: Person;
beforeAll(async () => {
  deployment = await deploy('two nodes', {
    env: { CORS_ORIGINS: allowed, MAX_SOCKETS_PER_USER: '3', MAX_CONNECTIONS_PER_IP: '4', TRUST_PROXY: '1' },
  });
});
afterAll(() => deployment.close());
beforeEach(async () => {
  stage = scene(deployment.here);
  ann = await stage.person('ann');
});
const open: Ear[] = [];
/** From one test to the next no connection is left to be counted. */
afterEach(async () => {
  for (const ear of open.splice(0)) ear.close();
  stage.close();
});

type Options = Parameters<typeof connect>[1] & { node?: 'here' | 'there'; by?: Person };
async function arrives({ node = 'here', by = ann, ...options }: Options = {}): Promise<Ear> {
  const ear = await connect(deployment[node].url, { auth: { token: by.token }, ...options });
  open.push(ear);
  return ear;
}
const codeOf = (arrival: Promise<Ear>): Promise<unknown> =>
  arrival.then(
    () => 'admitted',
    (error: Error & { data?: { code?: string } }) => error.data?.code ?? error.message,
  );

/** What the server answers to the first line of a WebSocket handshake. */
function upgradeStatus(origin: string | null): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const request = get(`${deployment.here.url}/socket.io/?EIO=4&transport=websocket`, {
      headers: {
        ...{ connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' },
        'sec-websocket-key': Buffer.from('the sixteen byte').toString('base64'),
        ...(origin === null ? {} : { origin }),
      },
    });
    request.on('response', (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve(response.statusCode);
    });
    request.on('error', reject);
  });
}

describe('a handshake', () => {
  test('from a foreign page is refused before anything is asked of it', async () => {
    for (const origin of [
      'https://evil.example',
      'null',
      'http://app.example.org',
      `${allowed}.evil.example`,
    ]) {
      expect([origin, await upgradeStatus(origin)]).toEqual([origin, 403]);
      const path = '/socket.io/?EIO=4&transport=polling';
      const polling = await fetch(`${deployment.here.url}${path}`, { headers: { origin } });
      expect([origin, polling.status]).toEqual([origin, 403]);
    }
    expect(await upgradeStatus(allowed)).toBe(101);
    expect(await upgradeStatus(null)).toBe(101);
    const headers = { origin: allowed };
    const polling = await fetch(`${deployment.here.url}/socket.io/?EIO=4&transport=polling`, { headers });
    expect(polling.headers.get('access-control-allow-origin')).toBe(allowed);
    expect(polling.headers.get('access-control-allow-credentials')).toBe('true');
    await polling.text();
  });

  test('is taken by header, by payload and by cookie, over WebSocket and over polling', async () => {
    const login = { username: ann.user.username, password: ann.password };
    const { headers } = await rest(deployment.here.url, 'POST', '/api/auth/login', { body: login });
    const cookie = headers.getSetCookie()[0]?.split(';', 1)[0] ?? '';
    for (const [index, options] of [
      { auth: { token: ann.token } },
      { auth: { token: `Bearer ${ann.token}` } },
      { auth: {}, extraHeaders: { authorization: `Bearer ${ann.token}` } },
      { auth: {}, extraHeaders: { cookie, origin: allowed } },
      { transports: ['polling'], upgrade: false },
      { transports: ['polling'], upgrade: false, auth: {}, extraHeaders: { cookie } },
      { transports: ['polling', 'websocket'] },
    ].entries()) {
      const ear = await arrives({ ...options, node: index % 2 === 0 ? 'here' : 'there' });
      const [{ payload } = { payload: null }] = ear.heardSoFar;
      expect(payload).toEqual({
        ...{
          userId: ann.id,
          username: ann.user.username,
          socketId: ear.socket.id,
          sessionId: expect.any(String),
        },
        ...{ serverTime: expect.any(String), node: expect.any(String), unread: { total: 0 } },
      });
      expect(await ear.asks('chat:list', {})).toMatchObject({ success: true });
      ear.close();
    }
  });

  test('without end is cut', async () => {
    const impatient = await deploy('one process', { env: { SOCKET_AUTH_TIMEOUT: '200' } });
    try {
      const { io } = await import('socket.io-client');
      const socket = io(impatient.here.url, {
        transports: ['websocket'],
        autoConnect: false,
        reconnection: false,
      });
      const closed = new Promise<string>((resolve) => socket.io.once('close', resolve));
      socket.io.open();
      expect(await closed).toBe('transport close');
    } finally {
      await impatient.close();
    }
  });

  test('counts against MAX_SOCKETS_PER_USER on all nodes together, until the socket goes', async () => {
    const addressed = (n: number) => ({ extraHeaders: { 'x-forwarded-for': `198.51.100.${n}` } });
    const ears = [await arrives(addressed(1)), await arrives({ node: 'there', ...addressed(1) })];
    ears.push(await arrives(addressed(2)));
    for (const node of ['here', 'there'] as const) {
      expect(await codeOf(arrives({ node, ...addressed(3) }))).toBe('TOO_MANY_CONNECTIONS');
    }
    const bob = await stage.person('bob');
    expect(await codeOf(arrives({ by: bob, node: 'there', ...addressed(3) }))).toBe('admitted');
    ears[1]?.close();
    await eventually(async () => expect(await codeOf(arrives(addressed(4)))).toBe('admitted'));
    expect(await codeOf(arrives(addressed(5)))).toBe('TOO_MANY_CONNECTIONS');
  });

  test('counts against MAX_CONNECTIONS_PER_IP, whoever it is', async () => {
    const people = await stage.people('a', 'b', 'c', 'd', 'e', 'f');
    const from = (ip: string) => ({ extraHeaders: { 'x-forwarded-for': ip } });
    const [first] = [await arrives({ by: people.a, ...from('203.0.113.1') })];
    for (const by of [people.b, people.c, people.d]) await arrives({ by, ...from('203.0.113.1') });
    expect(await codeOf(arrives({ by: people.e, ...from('203.0.113.1') }))).toBe('TOO_MANY_CONNECTIONS');
    // What the client itself wrote before our proxy is not believed.
    const lying = from('198.18.0.1, 203.0.113.1');
    expect(await codeOf(arrives({ by: people.e, ...lying }))).toBe('TOO_MANY_CONNECTIONS');
    expect(await codeOf(arrives({ by: people.e, ...from('203.0.113.2') }))).toBe('admitted');
    first?.close();
    await eventually(async () =>
      expect(await codeOf(arrives({ by: people.f, ...from('203.0.113.1') }))).toBe('admitted'),
    );
  });
});

describe('auth:refresh', () => {
  test('takes a fresh token of the same session, and no other', async () => {
    const ear = await arrives();
    const bob = await stage.person('bob');
    const again = await ear.asks<{ expiresAt: string }>('auth:refresh', { token: ann.token });
    expect(Date.parse(again.data.expiresAt)).toBeGreaterThan(Date.now());
    const login = { username: ann.user.username, password: ann.password };
    const other = await rest<{ token: string }>(deployment.here.url, 'POST', '/api/auth/login', {
      body: login,
    });
    for (const [token, code] of [
      [bob.token, 'FORBIDDEN'],
      [other.body.data.token, 'FORBIDDEN'],
      ['nonsense', 'UNAUTHENTICATED'],
      ['', 'VALIDATION_FAILED'],
      [[ann.token], 'VALIDATION_FAILED'],
      [{ $ne: '' }, 'VALIDATION_FAILED'],
    ] as const) {
      const { error } = await ear.asks('auth:refresh', { token });
      expect(error.code).toBe(code);
      expect(JSON.stringify(error)).not.toContain('eyJ');
    }
    expect(await ear.asks('chat:list', {})).toMatchObject({ success: true });
  });
});

describe('how much a socket may ask', () => {
  let strict: Deployment;
  beforeAll(async () => {
    strict = await deploy('two nodes', { env: { RATE_LIMIT_SCALE: '1', SOCKET_EVENTS_PER_MINUTE: '6' } });
  });
  afterAll(() => strict.close());

  test('is a burst of 30 a user, on all nodes together; typing is counted apart; after that it is 429', async () => {
    const here = scene(strict.here);
    const { bob, cyd } = await here.people('bob', 'cyd');
    const chat = await here.direct(bob, cyd);
    const [bobHere, bobThere] = [await bob.connects(), await bob.connects(strict.there.url)];
    const input = { chatId: chat._id };
    const answers = [];
    for (let i = 0; i < 32; i += 1)
      answers.push(await (i % 2 === 0 ? bobHere : bobThere).asks('chat:get', input));
    const refused = answers.filter(({ success }) => !success);
    expect(answers.slice(0, 30).every(({ success }) => success)).toBe(true);
    expect(refused.length).toBeGreaterThanOrEqual(1);
    for (const answer of refused) {
      expect(answer).toEqual({
        ...{ success: false, message: answer.error.message },
        error: {
          ...{ code: 'LIMITED', message: expect.any(String), requestId: expect.any(String) },
          retryAfter: expect.any(Number),
        },
      });
      expect(answer.error.retryAfter).toBeGreaterThanOrEqual(1);
      expect(answer.error.retryAfter).toBeLessThanOrEqual(10);
    }
    // Events that nobody knows cost as much, and are not the way round.
    expect((await bobThere.asks('no:such', {})).error.code).toBe('LIMITED');
    bobHere.socket.emit('chat:get', input);
    expect((await bobHere.hears('error:event')).error).toMatchObject({ code: 'LIMITED' });
    for (let i = 0; i < 60; i += 1) {
      expect(await bobHere.asks(i % 2 === 0 ? 'typing:start' : 'typing:stop', input)).toMatchObject({
        success: true,
      });
    }
    // Others have their own, and so has REST.
    const cydHere = await cyd.connects();
    expect(await cydHere.asks('chat:get', input)).toMatchObject({ success: true });
    expect((await bob.rest('GET', `/api/chats/${chat._id}`)).status).toBe(200);
    expect(bobHere.socket.connected).toBe(true);
    here.close();
  });

  test('typing has an end too', async () => {
    const here = scene(strict.here);
    const { bob, cyd } = await here.people('bob', 'cyd');
    const chat = await here.direct(bob, cyd);
    const bobHere = await bob.connects();
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => bobHere.asks('typing:start', { chatId: chat._id })),
    );
    const refused = answers.filter(({ error }) => error?.code === 'LIMITED');
    expect(refused.length).toBeGreaterThan(50);
    expect(answers.length - refused.length).toBeGreaterThanOrEqual(120);
    expect(await bobHere.asks('chat:get', { chatId: chat._id })).toMatchObject({ success: true });
    here.close();
  });
});
