import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { ChatView, MessageView } from '../../src/contract/views.js';
import { deploy, type Deployment } from '../support/deployment.js';
import { scene, type Ear, type Person } from '../support/scene.js';

let deployment: Deployment;
let stage: ReturnType<typeof scene>;
beforeAll(async () => {
  deployment = await deploy('two nodes', { env: { MAX_GROUP_SIZE: '4' } });
});
afterAll(() => deployment.close());
beforeEach(() => {
  stage = scene(deployment.here);
});
afterEach(() => stage.close());

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));
const upTo = (count: number): number[] => times(count, (index) => index + 1);

async function allMessages(person: Person, chatId: string): Promise<MessageView[]> {
  const answer = await person.rest<{ messages: MessageView[]; more: boolean }>(
    'GET',
    `/api/chats/${chatId}/changes?since=0&limit=100`,
  );
  expect(answer.body.data.more).toBe(false);
  return answer.body.data.messages;
}

describe('one clientMessageId is one message', () => {
  let ann: Person;
  let bob: Person;
  let chat: ChatView;
  let annHere: Ear;
  let annThere: Ear;
  let bobThere: Ear;
  beforeEach(async () => {
    ({ ann, bob } = await stage.people('ann', 'bob'));
    chat = await stage.direct(ann, bob);
    annHere = await ann.connects();
    annThere = await ann.connects(deployment.there.url);
    bobThere = await bob.connects(deployment.there.url);
  });

  const there = (): string => deployment.there.url;
  const ways: [string, (message: object) => Promise<MessageView>[]][] = [
    ['in parallel on one node', (m) => times(20, () => posted(ann, m))],
    ['in parallel on two nodes', (m) => times(20, (i) => posted(ann, m, i % 2 === 0 ? undefined : there()))],
    ['in parallel by two sockets', (m) => times(20, (i) => emitted(i % 2 === 0 ? annHere : annThere, m))],
    [
      'in parallel by both doors of both nodes',
      (m) =>
        times(5, () => [
          posted(ann, m),
          posted(ann, m, there()),
          emitted(annHere, m),
          emitted(annThere, m),
        ]).flat(),
    ],
  ];
  async function posted(person: Person, message: object, url?: string): Promise<MessageView> {
    const answer = await person.rest<MessageView>('POST', '/api/messages', message, url);
    expect(answer.status).toBe(201);
    return answer.body.data;
  }
  const emitted = async (ear: Ear, message: object): Promise<MessageView> =>
    (await ear.asks<MessageView>('message:send', message)).data;

  async function expectOnce(answers: MessageView[], clientMessageId: string): Promise<void> {
    const [first] = answers;
    expect(first).toMatchObject({ seq: 1, rev: 1, clientMessageId, content: { text: 'hello' } });
    expect(new Set(answers.map(({ _id, seq, rev }) => `${_id} ${seq} ${rev}`)).size).toBe(1);
    expect((await allMessages(bob, chat._id)).map(({ _id }) => _id)).toEqual([first?._id]);
    // What comes next comes after all that was told of the first.
    await posted(ann, { chatId: chat._id, content: 'next' });
    await bobThere.hears('message:new', ({ message }) => message.seq === 2);
    const heard = bobThere.heardSoFar.filter(({ event }) => event === 'message:new');
    expect(heard).toHaveLength(2);
  }

  test('sent again after the acknowledgement was lost, by whatever door', async () => {
    const message = { chatId: chat._id, content: 'hello', clientMessageId: randomUUID() };
    const answers = [await posted(ann, message)];
    answers.push(await posted(ann, message, there()));
    answers.push(
      await emitted(annHere, { ...message, clientMessageId: message.clientMessageId.toUpperCase() }),
    );
    answers.push(await emitted(annThere, { ...message, content: 'something else by now' }));
    await expectOnce(answers, message.clientMessageId);
  });

  test.each(ways)('sent 20 times %s', async (_way, send) => {
    const clientMessageId = randomUUID();
    const answers = await Promise.all(send({ chatId: chat._id, content: 'hello', clientMessageId }));
    expect(answers).toHaveLength(20);
    await expectOnce(answers, clientMessageId);
  });

  test('the same id of another sender or in another chat is another message', async () => {
    const group = await stage.group(ann, [bob]);
    const clientMessageId = randomUUID();
    const sent = [
      await posted(ann, { chatId: chat._id, content: 'a', clientMessageId }),
      await posted(bob, { chatId: chat._id, content: 'b', clientMessageId }),
      await posted(ann, { chatId: group._id, content: 'c', clientMessageId }),
    ];
    expect(new Set(sent.map(({ _id }) => _id)).size).toBe(3);
    expect(sent.map(({ content }) => content.text)).toEqual(['a', 'b', 'c']);
  });
});

describe('the order of a chat', () => {
  test('200 parallel messages of four people on two nodes: no gap, nothing twice, all heard', async () => {
    const { ann, bob, cyd, dee } = await stage.people('ann', 'bob', 'cyd', 'dee');
    const chat = await stage.group(ann, [bob, cyd, dee]);
    const urls = [deployment.here.url, deployment.there.url];
    const people = [ann, bob, cyd, dee];
    const ears = await Promise.all(people.map((person, index) => person.connects(urls[index % 2])));
    const answers = await Promise.all(
      times(200, async (index) => {
        const message = { chatId: chat._id, content: `message ${index}`, clientMessageId: randomUUID() };
        if (index % 3 === 0) return (await ears[index % 4]?.asks<MessageView>('message:send', message))?.data;
        const by = people[index % 4];
        return (await by?.rest<MessageView>('POST', '/api/messages', message, urls[index % 2]))?.body.data;
      }),
    );
    expect(answers.map((message) => message?.seq).sort((a = 0, b = 0) => a - b)).toEqual(upTo(200));
    expect(answers.map((message) => message?.rev).sort((a = 0, b = 0) => a - b)).toEqual(upTo(200));

    const stored: MessageView[] = [];
    for (const since of [0, 100]) {
      const path = `/api/chats/${chat._id}/changes?since=${since}&limit=100`;
      stored.push(...(await ann.rest<{ messages: MessageView[] }>('GET', path)).body.data.messages);
    }
    expect(stored.map(({ seq }) => seq)).toEqual(upTo(200));
    expect(stored.map(({ rev }) => rev)).toEqual(upTo(200));
    expect(new Set(stored.map(({ content }) => content.text)).size).toBe(200);

    for (const [index, ear] of ears.entries()) {
      const ownBySocket = answers.filter((_, i) => i % 3 === 0 && i % 4 === index).length;
      for (let i = 0; i < 200 - ownBySocket; i += 1) await ear.hears('message:new');
      const seqs = ear.heardSoFar
        .filter(({ event }) => event === 'message:new')
        .map(({ payload }) => (payload as { message: MessageView }).message.seq);
      expect(new Set(seqs).size).toBe(seqs.length);
      expect(seqs).toHaveLength(200 - ownBySocket);
    }
  });
});

describe('a pair has one chat', () => {
  test('however many ask for it at once, on either side', async () => {
    const { ann, bob } = await stage.people('ann', 'bob');
    const bobThere = await bob.connects(deployment.there.url);
    const answers = await Promise.all(
      times(12, (index) => {
        const [by, other] = index % 2 === 0 ? [ann, bob] : [bob, ann];
        const url = index % 4 < 2 ? deployment.here.url : deployment.there.url;
        return by.rest<ChatView>('POST', '/api/chats', { userId: other.id }, url);
      }),
    );
    expect(new Set(answers.map(({ body }) => body.data._id)).size).toBe(1);
    expect(answers.map(({ status }) => status).sort()).toEqual([...times(11, () => 200), 201]);
    for (const person of [ann, bob]) {
      const { chats } = (await person.rest<{ chats: ChatView[] }>('GET', '/api/chats')).body.data;
      expect(chats.map(({ users }) => users.map(({ id }) => id).sort())).toEqual([[ann.id, bob.id].sort()]);
    }
    await ann.sends(answers[0]?.body.data._id ?? '', 'hello');
    await bobThere.hears('message:new');
    expect(bobThere.heardSoFar.filter(({ event }) => event === 'chat:new')).toHaveLength(1);
  });
});

describe('the members of a group', () => {
  const rolesOf = async (person: Person, chatId: string) => {
    const { groupAdmin, admins } = (await person.rest<ChatView>('GET', `/api/chats/${chatId}`)).body.data;
    return { groupAdmin, admins: admins.sort() };
  };
  const leave = (person: Person, chatId: string) =>
    person.rest('DELETE', `/api/chats/${chatId}/members/${person.id}`, undefined, deployment.there.url);

  test('when the owner leaves the oldest admin inherits, then the oldest member; the last turns off the light', async () => {
    const { ann, bob, cyd, dee } = await stage.people('ann', 'bob', 'cyd', 'dee');
    const chat = await stage.group(ann, [bob]);
    const add = (person: Person) =>
      ann.rest('POST', `/api/chats/${chat._id}/members`, { users: [person.id] });
    await add(cyd);
    await add(dee);
    for (const admin of [dee, cyd]) {
      await ann.rest('PATCH', `/api/chats/${chat._id}/members/${admin.id}`, { role: 'admin' });
    }
    expect((await leave(ann, chat._id)).status).toBe(200);
    expect(await rolesOf(bob, chat._id)).toEqual({ groupAdmin: cyd.id, admins: [cyd.id, dee.id].sort() });
    await leave(dee, chat._id);
    await leave(cyd, chat._id);
    expect(await rolesOf(bob, chat._id)).toEqual({ groupAdmin: bob.id, admins: [bob.id] });
    const texts = (await allMessages(bob, chat._id)).map(({ content, messageType }) => [
      messageType,
      content.text,
    ]);
    expect(texts.slice(-3)).toEqual(['ann left', 'dee left', 'cyd left'].map((text) => ['system', text]));

    await leave(bob, chat._id);
    const { connection } = await deployment.database();
    const id = new connection.base.Types.ObjectId(chat._id);
    expect(await connection.collection('chats').countDocuments({ _id: id })).toBe(0);
    expect(await connection.collection('messages').countDocuments({ chat: id })).toBe(0);
    expect((await bob.rest('GET', `/api/chats/${chat._id}`)).status).toBe(404);
  });

  test('are told who leads it when the owner has left', async () => {
    const { ann, bob } = await stage.people('ann', 'bob');
    const chat = await stage.group(ann, [bob]);
    const bobThere = await bob.connects(deployment.there.url);
    await leave(ann, chat._id);
    const { chat: told } = await bobThere.hears('chat:updated');
    expect(told).toMatchObject({ _id: chat._id, groupAdmin: bob.id, admins: [bob.id] });
  });

  test('are no more than MAX_GROUP_SIZE', async () => {
    const { ann, bob, cyd, dee, eve } = await stage.people('ann', 'bob', 'cyd', 'dee', 'eve');
    const create = (others: Person[]) =>
      ann.rest<ChatView>('POST', '/api/chats', { users: others.map(({ id }) => id), chatName: 'Some' });
    expect((await create([bob, cyd, dee, eve])).status).toBe(422);
    expect((await create([ann])).status).toBe(422);
    const full = await create([bob, cyd, dee]);
    expect([full.status, full.body.data.memberCount]).toEqual([201, 4]);
    const add = (chatId: string, ...people: Person[]) =>
      ann.rest('POST', `/api/chats/${chatId}/members`, { users: people.map(({ id }) => id) });
    expect((await add(full.body.data._id, eve)).status).toBe(422);
    // Who is in already takes no further place.
    expect((await add(full.body.data._id, bob)).status).toBe(200);
    const roomy = (await create([bob])).body.data._id;
    expect((await add(roomy, cyd, dee, eve)).status).toBe(422);
    expect((await add(roomy, bob, cyd, dee)).status).toBe(200);
    expect((await add(roomy, eve)).body.error.details?.[0]?.field).toBe('users');
    const nobody = await ann.rest('POST', '/api/chats', {
      users: ['0123456789abcdef01234567'],
      chatName: 'x',
    });
    expect(nobody.body.error.details?.[0]?.field).toBe('users');
  });
});

describe('text is kept as it was typed', () => {
  test.each([
    ...['👩‍👩‍👧‍👦 🏳️‍🌈', 'שלום עולם \u202e reversed', 'e\u0301 ≠ é', 'a\r\nb\rc\nd\te', '  blanks around \n'],
    ...[
      '<script>alert(1)</script> &amp; "quotes" \'too\'',
      '{{constructor}} ${7*7} %s',
      '\ufeffbom',
      'a\u2028b\u2029',
    ],
    ...['𝟘'.repeat(5_000), 'x'.repeat(5_000), '👋🏽'.repeat(2_500)],
  ])('%#', async (text) => {
    const { ann, bob } = await stage.people('ann', 'bob');
    const chat = await stage.direct(ann, bob);
    const [annHere, bobThere] = [await ann.connects(), await bob.connects(deployment.there.url)];
    await annHere.asks('message:send', { chatId: chat._id, content: { text } });
    expect((await bobThere.hears('message:new')).message.content.text).toBe(text);
    expect((await ann.sends(chat._id, text)).content.text).toBe(text);
    expect((await allMessages(bob, chat._id)).map(({ content }) => content.text)).toEqual([text, text]);
    expect(
      (await bob.rest<ChatView>('GET', `/api/chats/${chat._id}`)).body.data.latestMessage?.content,
    ).toEqual({
      text,
    });
    const over = await annHere.asks('message:send', {
      chatId: chat._id,
      content: `${text}${'𝟘'.repeat(5_000)}`,
    });
    expect(over.error.code).toBe('VALIDATION_FAILED');
  });

  test('but for NULs', async () => {
    const { ann, bob } = await stage.people('ann', 'bob');
    const chat = await stage.direct(ann, bob);
    expect((await ann.sends(chat._id, 'a\0b\0')).content.text).toBe('ab');
  });
});
