import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ChatView, MessageView } from '../../src/contract/views.js';
import { startTestDatabase, type TestDatabase } from '../support/database.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { scene } from '../support/scene.js';
import { startServer, type TestServer } from '../support/server.js';

/** The same story on one process with its own memory, and on two nodes that share a Redis. */
describe.each(['one process', 'two nodes'] as const)('a conversation on %s', (deployment) => {
  let database: TestDatabase;
  let redis: TestRedis | null = null;
  let here: TestServer;
  let there: TestServer;

  beforeAll(async () => {
    database = await startTestDatabase();
    if (deployment === 'two nodes') {
      redis = await startRedis();
      const options = { mongoUri: database.uri, redisUrl: redis.url };
      [here, there] = await Promise.all([startServer(options), startServer(options)]);
    } else {
      here = there = await startServer({ mongoUri: database.uri });
    }
  });

  afterAll(async () => {
    await Promise.all([...new Set([here, there])].map((server) => server.close()));
    await redis?.stop();
    await database.close();
  });

  test('a message reaches the other person and the sender’s other device, and never the sending socket', async () => {
    const stage = scene(here);
    const { ann, bob } = await stage.people('ann', 'bob');
    const [annHere, annThere, bobThere] = await Promise.all([
      ann.connects(),
      ann.connects(there.url),
      bob.connects(there.url),
    ]);
    const chat = await stage.direct(ann, bob);
    await bobThere.hears('chat:new', ({ chat: heard }) => heard._id === chat._id && heard.chatName === 'ann');

    const answer = await annHere.asks<MessageView>('message:send', { chatId: chat._id, content: 'hello' });

    expect(answer).toMatchObject({ success: true, data: { seq: 1, rev: 1, content: { text: 'hello' } } });
    for (const ear of [bobThere, annThere]) {
      const { message } = await ear.hears('message:new');
      expect(message).toEqual(answer.data);
    }
    const next = await bob.sends(chat._id, 'hi');
    expect((await annHere.hears('message:new')).message).toMatchObject({ _id: next._id, seq: 2 });
    expect(annHere.heardSoFar.filter((h) => h.event === 'message:new')).toHaveLength(1);
    stage.close();
  });

  test('unread is what lies above the read mark; reading on one device is told to the other', async () => {
    const stage = scene(here);
    const { ann, bob } = await stage.people('ann', 'bob');
    const chat = await stage.direct(ann, bob);
    const bobThere = await bob.connects(there.url);
    for (const text of ['one', 'two', 'three']) await ann.sends(chat._id, text);

    const before = await bob.rest<{ chats: ChatView[] }>('GET', '/api/chats', undefined, there.url);
    expect(before.body.data.chats[0]).toMatchObject({ unreadCount: 3, seq: 3, lastReadSeq: 0 });
    expect(before.body.data.chats[0]?.latestMessage?.content.text).toBe('three');

    await bob.rest('POST', `/api/chats/${chat._id}/read`, { seq: 2 });
    expect(await bobThere.hears('message:read')).toMatchObject({ chatId: chat._id, userId: bob.id, seq: 2 });
    const after = await bob.rest<ChatView>('GET', `/api/chats/${chat._id}`);
    expect(after.body.data).toMatchObject({ unreadCount: 1, lastReadSeq: 2 });

    await bob.sends(chat._id, 'four');
    expect((await bob.rest<ChatView>('GET', `/api/chats/${chat._id}`)).body.data).toMatchObject({
      unreadCount: 0,
      lastReadSeq: 4,
    });
    expect((await ann.rest<ChatView>('GET', `/api/chats/${chat._id}`)).body.data).toMatchObject({
      unreadCount: 1,
      lastReadSeq: 3,
    });
    stage.close();
  });

  test('who is removed hears nothing more, on any node, once the removal is acknowledged', async () => {
    const stage = scene(here);
    const { ann, bob, cyd } = await stage.people('ann', 'bob', 'cyd');
    const chat = await stage.group(ann, [bob, cyd]);
    const [bobThere, cydThere] = await Promise.all([bob.connects(there.url), cyd.connects(there.url)]);

    const removal = await ann.rest('DELETE', `/api/chats/${chat._id}/members/${bob.id}`);
    expect(removal.status).toBe(200);
    const sent = await ann.sends(chat._id, 'bob must not see this');
    await cydThere.hears('message:new', ({ message }) => message._id === sent._id);
    await bobThere.hears('chat:removed');
    // Whatever was on its way to him comes before this answer.
    expect(
      (await bobThere.asks('message:send', { chatId: chat._id, content: 'still here?' })).error.code,
    ).toBe('NOT_FOUND');
    expect(bobThere.heardSoFar.filter((h) => h.event === 'message:new')).toEqual([]);
    expect((await bob.rest('GET', `/api/messages/${chat._id}`, undefined, there.url)).status).toBe(404);
    stage.close();
  });
});
