import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { io } from 'socket.io-client';
import type { ChatView, MessageView } from '../../src/contract/views.js';
import { deploy, type Deployment } from '../support/deployment.js';
import { eventually } from '../support/eventually.js';
import { startMongoProxy, type MongoProxy } from '../support/mongo-proxy.js';
import { rest, scene, type Ear, type Person } from '../support/scene.js';

let proxy: MongoProxy;
let deployment: Deployment;
let stage: ReturnType<typeof scene>;
let ann: Person;
let bob: Person;
let chat: ChatView;
let annHere: Ear;
let bobHere: Ear;

beforeAll(async () => {
  deployment = await deploy('one process', {
    mongoUri: async (real) => {
      proxy = await startMongoProxy(real);
      return proxy.uri;
    },
  });
});
afterAll(async () => {
  await deployment.close();
  await proxy.close();
});
beforeEach(async () => {
  stage = scene(deployment.here);
  ({ ann, bob } = await stage.people('ann', 'bob'));
  chat = await stage.direct(ann, bob);
  [annHere, bobHere] = await Promise.all([ann.connects(), bob.connects()]);
});
/** Whatever happened: this process serves, others were not disturbed, and Bob heard nothing of it. */
afterEach(async () => {
  const sent = await bobHere.asks<MessageView>('message:send', { chatId: chat._id, content: 'still here' });
  expect(sent.data).toMatchObject({ seq: 1, content: { text: 'still here' } });
  const heard = bobHere.heardSoFar.filter(({ event }) => event === 'message:new');
  expect(heard.filter(({ payload }) => (payload as { chatId: string }).chatId === chat._id)).toEqual([]);
  stage.close();
});

/** Bytes on the wire as no client of ours would send them. */
const write = (ear: Ear, packet: string): void => void ear.socket.io.engine.write(packet);
/** All acknowledgements from now on, as they come over the wire. */
function acknowledgements(ear: Ear): string[] {
  const heard: string[] = [];
  ear.socket.io.engine.on('packet', ({ type, data }: { type: string; data?: unknown }) => {
    if (type === 'message' && /^3\d/.test(String(data))) heard.push(String(data));
  });
  return heard;
}
const ended = (ear: Ear): Promise<unknown> =>
  new Promise((resolve) => ear.socket.once('disconnect', resolve));

describe('a payload', () => {
  test.each([
    ['a number', 7],
    ['text', 'chatId'],
    ['a list', [{ chatId: 'x' }]],
    ['true', true],
    ['bytes', Buffer.from('chatId')],
    ['nothing at all', undefined],
    ['null', null],
    ['an object of bytes', { chatId: Buffer.alloc(12), content: Buffer.from('x') }],
    ['bytes deep inside', { chatId: '0123456789abcdef01234567', content: { text: Buffer.from('x') } }],
    ['a date', new Date()],
  ])('of %s is refused', async (_what, payload) => {
    const answer = await annHere.asks('message:send', payload);
    expect(answer).toMatchObject({ success: false, error: { code: 'VALIDATION_FAILED' } });
    expect(answer.error.details?.length).toBeGreaterThan(0);
  });

  test('may be left out where nothing needs be said; what comes after it is ignored', async () => {
    const { socket } = annHere;
    expect(await socket.timeout(5_000).emitWithAck('chat:list')).toMatchObject({ success: true });
    expect(await socket.timeout(5_000).emitWithAck('message:send')).toMatchObject({
      error: { code: 'VALIDATION_FAILED' },
    });
    const more = socket.timeout(5_000).emitWithAck('chat:get', { chatId: chat._id }, { chatId: 'x' }, [1]);
    expect(await more).toMatchObject({ success: true, data: { _id: chat._id } });
  });

  test('over 1 MiB cuts that socket and no other', async () => {
    const tab = await ann.connects();
    const cut = ended(tab);
    tab.socket.emit('message:send', { chatId: chat._id, content: 'x'.repeat(1024 * 1024) });
    await cut;
    expect(annHere.socket.connected).toBe(true);
  });

  test('just below 1 MiB is an answer like any other', async () => {
    const answer = await annHere.asks('message:send', { chatId: chat._id, content: 'x'.repeat(1_000_000) });
    expect(answer.error.code).toBe('VALIDATION_FAILED');
  });
});

describe('an event', () => {
  test('without an acknowledgement that fails comes back as error:event', async () => {
    annHere.socket.emit('message:send', { chatId: 'x', content: 'hello' });
    expect(await annHere.hears('error:event')).toEqual({
      event: 'message:send',
      error: {
        ...{ code: 'VALIDATION_FAILED', message: expect.any(String), requestId: expect.any(String) },
        details: [{ field: 'chatId', message: expect.any(String) }],
      },
    });
    annHere.socket.emit('chat:get', { chatId: '0123456789abcdef01234567' });
    expect((await annHere.hears('error:event')).error.code).toBe('NOT_FOUND');
    annHere.socket.emit('message:send');
    expect((await annHere.hears('error:event')).event).toBe('message:send');
  });

  test('without an acknowledgement that succeeds is not answered', async () => {
    annHere.socket.emit('chat:get', { chatId: chat._id });
    await annHere.asks('chat:list', {});
    expect(annHere.heardSoFar.map(({ event }) => event)).not.toContain('error:event');
  });

  test.each(
    [
      ...['no:such', '', 'message:Send', 'message:send ', 'toString', 'constructor', '__proto__', 'error'],
      ...['connection', 'connect_failed', 'message:new', 'hasOwnProperty', '\0', '💥', 'x'.repeat(100_000)],
    ].map((name) => [name.slice(0, 20), name] as const),
  )('nobody knows, %j, is UNKNOWN_EVENT with an acknowledgement and nothing without', async (_, name) => {
    expect(await annHere.asks(name, { chatId: chat._id })).toMatchObject({
      success: false,
      error: { code: 'UNKNOWN_EVENT' },
    });
    annHere.socket.emit(name, { chatId: chat._id });
    await annHere.asks('chat:list', {});
    expect(annHere.heardSoFar.map(({ event }) => event)).not.toContain('error:event');
  });

  test('named by a number is as unknown', async () => {
    const acknowledged = acknowledgements(annHere);
    write(annHere, '2987[7,{}]');
    // Answered in turn, so whatever is said to the first has been said by then.
    await annHere.asks('no:such', {});
    expect(acknowledged[0]).toMatch(/^3987\[.*UNKNOWN_EVENT/);
  });

  test('is acknowledged once', async () => {
    const acknowledged = acknowledgements(annHere);
    const bad = { chatId: 'x' };
    await Promise.all([annHere.asks('chat:get', { chatId: chat._id }), annHere.asks('chat:get', bad)]);
    await annHere.asks('no:such', {});
    await annHere.asks('chat:list', {});
    expect(acknowledged).toHaveLength(4);
  });

  test('before the handshake is not heard', async () => {
    const socket = io(deployment.here.url, { transports: ['websocket'], forceNew: true, autoConnect: false });
    socket.io.reconnection(false);
    const closed = new Promise((resolve) => socket.io.once('close', resolve));
    const opened = new Promise<void>((resolve) => socket.io.once('open', () => resolve()));
    socket.io.open();
    await opened;
    socket.io.engine.write(`2["message:send",${JSON.stringify({ chatId: chat._id, content: 'sneaky' })}]`);
    await closed;
  });

  test.each([
    ['JSON that ends too soon', '2["message:send",{'],
    ['no event at all', '2'],
    ['an empty list', '2[]'],
    ['an object for a list', '2{"a":1}'],
    ['a name that is an object', '2[{"a":1},{}]'],
    ['a reserved name', '2["disconnect",{}]'],
    ['a packet of no type', '9'],
    ['bytes announced that do not come', '52-["message:send",{"_placeholder":true,"num":0}]'],
    ['bytes beyond those announced', '51-["message:send",{"_placeholder":true,"num":7}]'],
    ['an acknowledgement that nobody asked for', '3123[{}]'],
    ['a namespace that is not', '0/admin,{"token":"x"}'],
    ['nesting without end', `21["message:send",${'['.repeat(50_000)}${']'.repeat(50_000)}]`],
  ])('in broken packets (%s) disturbs nobody', async (_what, packet) => {
    const tab = await ann.connects();
    const cut = ended(tab);
    write(tab, packet);
    // The tab is cut or goes on; either way the others do, which `afterEach` looks at too.
    await Promise.race([cut, tab.asks('chat:list', {}).catch(() => cut)]);
    expect(annHere.socket.connected).toBe(true);
  });
});

describe('what breaks inside', () => {
  /** A user as no version of the server stores one: whoever shows it stumbles. */
  async function brokenUser(): Promise<string> {
    const { connection } = await deployment.database();
    const key = randomUUID();
    const { insertedId } = await connection
      .collection('users')
      .insertOne({ username: key, usernameKey: key, email: key });
    return insertedId.toHexString();
  }

  test('is INTERNAL by both doors, says nothing of how, and the process lives', async () => {
    const id = await brokenUser();
    const { status, body } = await ann.rest('GET', `/api/users/${id}`);
    expect([status, body.error.code]).toEqual([500, 'INTERNAL']);
    expect(JSON.stringify(body)).not.toMatch(/at \S+ \(|node_modules|\.ts|\.js|TypeError|undefined/);
    expect(Object.keys(body.error).sort()).toEqual(['code', 'message', 'requestId']);

    const answer = await annHere.asks('user:get', { id });
    expect(answer.error).toEqual({ ...body.error, requestId: expect.any(String) });
    annHere.socket.emit('user:get', { id });
    expect((await annHere.hears('error:event')).error.code).toBe('INTERNAL');
  });

  test('a database out of reach is UNAVAILABLE, and what was not stored can be sent again', async () => {
    const id = randomUUID();
    const message = { chatId: chat._id, content: 'in the dark', clientMessageId: id };
    const group = await stage.group(ann, [bob]);
    await proxy.cut();
    const asked = Promise.all([
      annHere.asks('message:send', { ...message, chatId: group._id }),
      annHere.asks('chat:create', { users: [bob.id], chatName: 'in the dark' }),
      ann.rest('POST', '/api/messages', { ...message, chatId: group._id, clientMessageId: randomUUID() }),
      ann.rest('POST', '/api/chats', { users: [bob.id], chatName: 'in the dark' }),
      ann.rest('GET', '/api/chats'),
      rest(deployment.here.url, 'GET', '/readyz'),
    ]);
    const [sent, made, ...byRest] = await asked.finally(proxy.mend);
    await eventually(
      async () => expect((await rest(deployment.here.url, 'GET', '/readyz')).status).toBe(200),
      { timeoutMs: 30_000 },
    );

    for (const { error } of [sent, made]) {
      expect(error).toMatchObject({ code: 'UNAVAILABLE', retryAfter: expect.any(Number) });
    }
    expect(byRest.map(({ status }) => status)).toEqual([503, 503, 503, 503]);
    for (const { body, headers } of byRest.slice(0, 3)) {
      expect(body.error.code).toBe('UNAVAILABLE');
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect(annHere.socket.connected).toBe(true);
    const again = await annHere.asks<MessageView>('message:send', { ...message, chatId: group._id });
    expect(again.data).toMatchObject({ clientMessageId: id, content: { text: 'in the dark' } });
  }, 60_000);
});
