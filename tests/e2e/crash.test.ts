import { randomUUID } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { ChatView, MessageView } from '../../src/contract/views.js';
import { buildIfNeeded, deploy, type Deployment } from '../support/process.js';
import { scene, type Ear, type Person } from '../support/scene.js';
import { eventually } from '../support/eventually.js';

/** Several whole processes start and end in each test; a busy machine takes its time. */
jest.setTimeout(120_000);

let here: Deployment;

beforeAll(() => {
  buildIfNeeded();
});

beforeEach(async () => {
  here = await deploy();
});

afterEach(() => here.close());

const env = { RATE_LIMIT_SCALE: '1000' };
/** Starting anew, reconnecting and the senders' own pauses, on a busy machine. */
const aFewSecondsMs = 10_000;

async function historyOf(person: Person, chatId: string, url: string): Promise<MessageView[]> {
  const answer = await person.rest<{ messages: MessageView[] }>(
    'GET',
    `/api/messages/${chatId}?limit=100`,
    undefined,
    url,
  );
  expect(answer.status).toBe(200);
  return answer.body.data.messages;
}

/** Sends until it is acknowledged, as a client does: the same clientMessageId, again and again. */
async function sendsUntilTaken(ear: Ear, chatId: string, content: string): Promise<MessageView> {
  const clientMessageId = randomUUID();
  return eventually(
    async () => {
      const answer = await ear.asks<MessageView>('message:send', { chatId, content, clientMessageId });
      if (!answer.success) throw new Error(`${answer.error.code}: ${answer.message}`);
      return answer.data;
    },
    { timeoutMs: 30_000, everyMs: 100 },
  );
}

describe('kill -9 of the server', () => {
  test('right after an acknowledgement: the message is there, and sending it again changes nothing', async () => {
    const first = await here.start(env);
    await first.up();
    const { ann, bob } = await scene(first).people('ann', 'bob');
    const chat = await scene(first).direct(ann, bob);
    const ear = await ann.connects();
    const clientMessageId = randomUUID();
    const message = { chatId: chat._id, content: 'not lost', clientMessageId };
    const { data: sent } = await ear.asks<MessageView>('message:send', message);
    await first.end('SIGKILL');
    ear.close();

    const second = await here.start(env);
    await second.up();
    expect(await historyOf(bob, chat._id, second.url)).toMatchObject([{ _id: sent._id, seq: 1 }]);
    // Nobody was there to settle the counters: whoever reads them sees the truth all the same.
    const list = await bob.rest<{ chats: ChatView[] }>('GET', '/api/chats', undefined, second.url);
    expect(list.body.data.chats).toMatchObject([
      { seq: 1, unreadCount: 1, latestMessage: { _id: sent._id } },
    ]);
    const again = await ann.rest<MessageView>('POST', '/api/messages', message, second.url);
    expect(again.body.data._id).toBe(sent._id);
    expect(await historyOf(bob, chat._id, second.url)).toHaveLength(1);
  });

  test('in the middle of a burst: what was acknowledged is there once, and the numbers are whole', async () => {
    const first = await here.start(env);
    await first.up();
    const { ann, bob } = await scene(first).people('ann', 'bob');
    const chat = await scene(first).direct(ann, bob);
    const ears = [await ann.connects(), await bob.connects()];
    const acknowledged: MessageView[] = [];
    const sends = Array.from({ length: 90 }, async (_, index) => {
      const ear = ears[index % 2];
      const content = `burst ${index}`;
      const answer: unknown = await ear?.socket
        .timeout(5_000)
        .emitWithAck('message:send', { chatId: chat._id, content, clientMessageId: randomUUID() })
        .catch(() => null);
      const { success, data } = (answer ?? {}) as { success?: boolean; data?: MessageView };
      if (success === true && data !== undefined) acknowledged.push(data);
    });
    await eventually(() => expect(acknowledged.length).toBeGreaterThan(0), { everyMs: 1 });
    await first.end('SIGKILL');
    for (const ear of ears) ear.close();
    await Promise.all(sends);

    const second = await here.start(env);
    await second.up();
    const history = await historyOf(ann, chat._id, second.url);
    expect(history.map(({ seq }) => seq)).toEqual(history.map((_, index) => index + 1));
    expect(new Set(history.map(({ content }) => content.text)).size).toBe(history.length);
    const bySeq = new Map(history.map((message) => [message.seq, message._id]));
    for (const { _id, seq } of acknowledged) expect(bySeq.get(seq)).toBe(_id);
    const next = await ann.rest<MessageView>(
      'POST',
      '/api/messages',
      { chatId: chat._id, content: 'next' },
      second.url,
    );
    expect(next.body.data.seq).toBe(history.length + 1);
  });
});

describe('kill -9 of the database process while people chat', () => {
  test('nothing acknowledged is lost, nothing is doubled, and the server heals by itself', async () => {
    const server = await here.start(env);
    await server.up();
    const stage = scene(server);
    const { ann, bob } = await stage.people('ann', 'bob');
    const chat = await stage.direct(ann, bob);
    const [annEar, bobEar] = [await ann.connects(), await bob.connects()];
    const engine = await here.enginePid();
    const sent: MessageView[] = [];
    let killedAt = 0;
    let waitedMs = 0;
    for (let index = 0; index < 60; index += 1) {
      if (index === 20) {
        process.kill(engine, 'SIGKILL');
        killedAt = performance.now();
      }
      sent.push(await sendsUntilTaken(index % 2 === 0 ? annEar : bobEar, chat._id, `message ${index}`));
      if (index === 20) waitedMs = performance.now() - killedAt;
    }
    process.stdout.write(`sending worked again ${Math.round(waitedMs)} ms after the database was killed\n`);
    expect(waitedMs).toBeLessThan(aFewSecondsMs);
    expect(await here.enginePid()).not.toBe(engine);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);

    const history = await historyOf(bob, chat._id, server.url);
    expect(history.map(({ _id, seq }) => [_id, seq])).toEqual(sent.map(({ _id, seq }) => [_id, seq]));
    expect(history.map(({ seq }) => seq)).toEqual(sent.map((_, index) => index + 1));
    // Who was connected all the time has heard of each, live or as an acknowledgement.
    const others = sent.filter(({ sender }) => sender.id === ann.id).map(({ _id }) => _id);
    await eventually(() => {
      const heard = bobEar.heardSoFar.flatMap(({ event, payload }) =>
        event === 'message:new' ? (payload as { message: MessageView }).message._id : [],
      );
      expect(heard).toEqual(others);
    });
    stage.close();
    expect(await server.end()).toEqual({ code: 0, signal: null });
  });
});
