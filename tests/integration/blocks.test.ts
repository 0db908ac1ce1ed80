import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type {
  BlockView,
  ChatView,
  ContactsView,
  MessageView,
  NotificationView,
  PresenceView,
  PublicUser,
} from '../../src/contract/views.js';
import { deploy, deploymentKinds, type Deployment } from '../support/deployment.js';
import { scene, type Answer, type Ear, type Person } from '../support/scene.js';

const blocks = (a: Person, b: Person, url?: string) =>
  a.rest('POST', `/api/users/${b.id}/block`, undefined, url);
const unblocks = (a: Person, b: Person, url?: string) =>
  a.rest('DELETE', `/api/users/${b.id}/block`, undefined, url);
const says = (a: Person, chat: ChatView, content: string, url?: string) =>
  a.rest<MessageView>('POST', '/api/messages', { chatId: chat._id, content }, url);
const befriend = async (a: Person, b: Person): Promise<void> => {
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const)
    await one.rest('POST', `/api/users/${other.id}/friend-request`);
};

/** Code and words of an answer: what must not differ between the two of a pair. */
const refusal = ({ status, body }: Answer<unknown>): unknown[] => [
  status,
  body.error?.code,
  body.error?.message,
];

describe.each(deploymentKinds)('blocks on %s', (kind) => {
  let deployment: Deployment;
  let stage: ReturnType<typeof scene>;
  let ann: Person;
  let bob: Person;
  let chat: ChatView;
  beforeAll(async () => {
    deployment = await deploy(kind);
  });
  afterAll(() => deployment.close());
  beforeEach(async () => {
    stage = scene(deployment.here);
    ({ ann, bob } = await stage.people('ann', 'bob'));
    chat = await stage.direct(ann, bob);
  });
  afterEach(() => stage.close());
  const there = (): string => deployment.there.url;
  const seen = async (by: Person, whom: Person, url?: string): Promise<PublicUser> =>
    (await by.rest<PublicUser>('GET', `/api/users/${whom.id}`, undefined, url)).body.data;
  /** All that the socket was told, once whatever was on its way has come. */
  const heard = async (ear: Ear): Promise<readonly { event: string; payload: unknown }[]> => {
    await ear.asks('chat:list', {});
    return ear.heardSoFar;
  };

  test('neither can write to the other from the moment it is answered, on every node and by either door', async () => {
    await says(bob, chat, 'before', there());
    await says(ann, chat, 'and so', there());
    const [annHere, bobThere] = [await ann.connects(), await bob.connects(there())];
    expect(await blocks(ann, bob)).toMatchObject({ status: 200, body: { data: { isBlocked: true } } });

    const refused = await Promise.all([
      says(ann, chat, 'x'),
      says(ann, chat, 'x', there()),
      says(bob, chat, 'x'),
      says(bob, chat, 'x', there()),
    ]);
    const words = 'You can’t write to each other.';
    for (const answer of refused) expect(refusal(answer)).toEqual([403, 'FORBIDDEN', words]);
    for (const ear of [annHere, bobThere]) {
      const { error } = await ear.asks('message:send', { chatId: chat._id, content: 'x' });
      expect([error.code, error.message]).toEqual(['FORBIDDEN', words]);
    }
    // What was said stays readable, for both.
    for (const person of [ann, bob]) {
      const { messages } = (
        await person.rest<{ messages: MessageView[] }>('GET', `/api/messages/${chat._id}`, undefined, there())
      ).body.data;
      expect(messages.map(({ content }) => content.text)).toEqual(['before', 'and so']);
      const again = await person.rest<ChatView>('POST', '/api/chats', {
        userId: person === ann ? bob.id : ann.id,
      });
      expect([again.status, again.body.data._id]).toEqual([200, chat._id]);
    }

    expect(await unblocks(ann, bob, there())).toMatchObject({
      status: 200,
      body: { data: { isBlocked: false } },
    });
    for (const [person, url] of [
      [bob, undefined],
      [ann, there()],
    ] as const)
      expect((await says(person, chat, 'again', url)).status).toBe(201);
    // Nobody but the two was ever told of it, and the blocked one not even that.
    expect((await heard(bobThere)).map(({ event }) => event)).not.toContain('block:updated');
    expect(JSON.stringify(await heard(bobThere))).not.toMatch(/block/i);
  });

  test('a hundred messages race with the block: none is stored after it was answered', async () => {
    const bobThere = await bob.connects(there());
    const answers: Promise<{ success: boolean }>[] = [];
    for (let i = 0; i < 50; i += 1)
      answers.push(bobThere.asks('message:send', { chatId: chat._id, content: `${i}` }));
    await blocks(ann, bob);
    for (let i = 0; i < 50; i += 1)
      answers.push(bobThere.asks('message:send', { chatId: chat._id, content: 'late' }));
    const results = await Promise.all(answers);
    expect(results.slice(50).some(({ success }) => success)).toBe(false);
    const { messages } = (
      await ann.rest<{ messages: MessageView[] }>('GET', `/api/messages/${chat._id}?limit=100`)
    ).body.data;
    expect(messages.map(({ content }) => content.text)).not.toContain('late');
    expect(messages.length).toBe(results.filter(({ success }) => success).length);
  });

  test('neither sees the other’s presence, typing or reading; both go for the other, and come back', async () => {
    await befriend(ann, bob);
    const said = (await says(bob, chat, 'read me')).body.data;
    const [annHere, bobThere] = [await ann.connects(), await bob.connects(there())];
    const told = (ear: Ear, about: Person): PresenceView[] =>
      ear.heardSoFar.flatMap(({ event, payload }) =>
        event === 'presence:update' && (payload as PresenceView).userId === about.id
          ? [payload as PresenceView]
          : [],
      );
    await annHere.hears('presence:update', ({ userId, isOnline }) => userId === bob.id && isOnline);
    await blocks(ann, bob);
    // As if they had gone.
    for (const [ear, other] of [
      [annHere, bob],
      [bobThere, ann],
    ] as const) {
      const gone = await ear.hears(
        'presence:update',
        ({ userId, isOnline }) => userId === other.id && !isOnline,
      );
      expect(gone).toEqual({ userId: other.id, isOnline: false, status: 'offline', lastSeen: null });
    }
    const counts = [told(annHere, bob).length, told(bobThere, ann).length];
    await annHere.asks('presence:set', { status: 'busy' });
    await bobThere.asks('presence:set', { status: 'away' });
    for (const ear of [annHere, bobThere]) {
      const other = ear === annHere ? bob : ann;
      expect(await ear.asks('presence:subscribe', { userIds: [other.id] })).toMatchObject({
        data: { presence: [] },
      });
      await ear.asks('typing:start', { chatId: chat._id });
    }
    const annMore = await ann.connects(there());
    const [annRead] = await Promise.all([
      annMore.hears('message:read'),
      annHere.asks('message:read', { chatId: chat._id, seq: said.seq }),
    ]);
    // Her own devices are told what she has read.
    expect(annRead).toMatchObject({ userId: ann.id, seq: said.seq });
    await annHere.asks('message:delivered', { chatId: chat._id, seq: said.seq });
    await heard(annHere);
    const bobHeard = (await heard(bobThere)).map(({ event }) => event);
    expect(bobHeard).not.toContain('typing');
    expect(bobHeard).not.toContain('message:read');
    expect(bobHeard).not.toContain('message:delivered');
    expect([told(annHere, bob).length, told(bobThere, ann).length]).toEqual(counts);
    for (const [by, whom] of [
      [ann, bob],
      [bob, ann],
    ] as const) {
      const hidden = { isOnline: false, status: 'offline', lastSeen: null };
      expect(await seen(by, whom, there())).toMatchObject(hidden);
      const view = (await by.rest<ChatView>('GET', `/api/chats/${chat._id}`)).body.data;
      expect(view.users.find(({ id }) => id === whom.id)).toMatchObject(hidden);
      const list = (await by.rest<{ chats: ChatView[] }>('GET', '/api/chats', undefined, there())).body.data;
      expect(list.chats[0]?.users.find(({ id }) => id === whom.id)).toMatchObject(hidden);
      const search = await by.rest<{ users: PublicUser[] }>('GET', `/api/users?search=${whom.user.username}`);
      expect(search.body.data.users).toMatchObject([hidden]);
      const { online } = (
        await (by === ann ? annHere : bobThere).asks<{ online: string[] }>('chat:join', { chatId: chat._id })
      ).data;
      expect(online).toEqual([by.id]);
    }
    const bobSees = async (): Promise<string[] | undefined> =>
      (await bob.rest<{ messages: MessageView[] }>('GET', `/api/messages/${chat._id}`)).body.data.messages[0]
        ?.readBy;
    expect(await bobSees()).toEqual([]);

    await unblocks(ann, bob, there());
    for (const [ear, other, status] of [
      [annHere, bob, 'away'],
      [bobThere, ann, 'busy'],
    ] as const) {
      await ear.hears('presence:update', (update) => update.userId === other.id && update.status === status);
    }
    expect(await bobSees()).toEqual([ann.id]);
    // They were contacts, and still are.
    const { friends } = (await bob.rest<ContactsView>('GET', '/api/users/friends')).body.data;
    expect(friends).toMatchObject([{ id: ann.id, isOnline: true, status: 'busy' }]);
    await annHere.asks('presence:set', { status: 'online' });
    await bobThere.hears('presence:update', ({ userId, status }) => userId === ann.id && status === 'online');
  });

  test('who connects while blocked is told nothing, and who connects afterwards everything', async () => {
    await blocks(ann, bob);
    const [annHere, bobThere] = [await ann.connects(), await bob.connects(there())];
    await annHere.asks('presence:set', { status: 'busy' });
    await bobThere.asks('presence:set', { status: 'away' });
    const foreign = (ear: Ear, own: Person): unknown[] =>
      ear.heardSoFar.filter(
        ({ event, payload }) => event === 'presence:update' && (payload as PresenceView).userId !== own.id,
      );
    await Promise.all([heard(annHere), heard(bobThere)]);
    expect([foreign(annHere, ann), foreign(bobThere, bob)]).toEqual([[], []]);
    await unblocks(ann, bob);
    await annHere.asks('presence:set', { status: 'away' });
    await bobThere.hears('presence:update', ({ userId, status }) => userId === ann.id && status === 'away');
  });

  test('no new direct chat, and neither brings the other into a group; whoever blocked, the words are the same', async () => {
    const { cyd, dan } = await stage.people('cyd', 'dan');
    await blocks(cyd, dan, there());
    const group = await stage.group(cyd, [ann], 'hers');
    const his = await stage.group(dan, [ann], 'his');
    const opens = (a: Person, b: Person) => a.rest('POST', '/api/chats', { userId: b.id });
    const gathers = (a: Person, b: Person) =>
      a.rest('POST', '/api/chats', { users: [ann.id, b.id], chatName: 'all' });
    const adds = (a: Person, to: ChatView, b: Person) =>
      a.rest('POST', `/api/chats/${to._id}/members`, { users: [bob.id, b.id] });
    for (const [one, other] of [
      [await opens(cyd, dan), await opens(dan, cyd)],
      [await gathers(cyd, dan), await gathers(dan, cyd)],
      [await adds(cyd, group, dan), await adds(dan, his, cyd)],
    ] as const) {
      expect(refusal(one)).toEqual(refusal(other));
      expect(one.status).toBe(403);
    }
    expect((await ann.rest<ChatView>('GET', `/api/chats/${group._id}`)).body.data.memberCount).toBe(2);
    await unblocks(cyd, dan);
    expect((await opens(dan, cyd)).status).toBe(201);
    expect((await adds(dan, his, cyd)).status).toBe(200);
  });

  test('a group that they share goes on for both, without a gap, and without presence between them', async () => {
    const { cyd } = await stage.people('cyd');
    const group = await stage.group(cyd, [ann, bob]);
    const [annHere, bobThere, cydHere] = [
      await ann.connects(),
      await bob.connects(there()),
      await cyd.connects(),
    ];
    for (const ear of [annHere, bobThere])
      await ear.asks('presence:subscribe', { userIds: [ann.id, bob.id, cyd.id] });
    await blocks(ann, bob);
    const texts = ['from ann', 'from bob', 'from cyd'];
    for (const [index, person] of [ann, bob, cyd].entries())
      expect((await says(person, group, texts[index] ?? '')).status).toBe(201);
    const senders = [];
    for (const ear of [annHere, bobThere]) {
      for (const text of texts) {
        const { message } = await ear.hears('message:new', (told) => told.message.content.text === text);
        expect(message.seq).toBe(texts.indexOf(text) + 1);
        senders.push(message.sender);
      }
    }
    // One text for all, so it holds for nobody more than the one who may see least.
    for (const { id, isOnline } of senders) expect([id, isOnline]).toEqual([id, id === cyd.id]);
    await cydHere.asks('chat:update', { chatId: group._id, chatName: 'another name' });
    for (const ear of [annHere, bobThere, cydHere]) {
      const { chat: told } = await ear.hears('chat:updated');
      expect(told.users.map(({ id, isOnline }) => [id, isOnline]).sort()).toEqual(
        [
          [ann.id, false],
          [bob.id, false],
          [cyd.id, true],
        ].sort(),
      );
    }
    // Who asks for himself is told what is his to know.
    const asCyd = (await cyd.rest<ChatView>('GET', `/api/chats/${group._id}`)).body.data;
    expect(asCyd.users.every(({ isOnline }) => isOnline)).toBe(true);
    const asBob = (await bob.rest<ChatView>('GET', `/api/chats/${group._id}`)).body.data;
    expect(
      asBob.users
        .filter(({ isOnline }) => isOnline)
        .map(({ id }) => id)
        .sort(),
    ).toEqual([bob.id, cyd.id].sort());
    const history = (
      await bob.rest<{ messages: MessageView[] }>('GET', `/api/messages/${group._id}`, undefined, there())
    ).body.data.messages;
    // Before the one that says who has changed the name.
    expect(history.slice(0, 3).map(({ sender }) => [sender.id, sender.isOnline])).toEqual([
      [ann.id, false],
      [bob.id, true],
      [cyd.id, true],
    ]);
    await annHere.asks('presence:set', { status: 'busy' });
    await cydHere.asks('presence:set', { status: 'busy' });
    await bobThere.hears('presence:update', ({ userId, status }) => userId === cyd.id && status === 'busy');
    expect(
      (await heard(bobThere)).some(
        ({ event, payload }) =>
          event === 'presence:update' &&
          (payload as PresenceView).userId === ann.id &&
          (payload as PresenceView).status === 'busy',
      ),
    ).toBe(false);
  });

  test('who is blocked can ask to be a contact, as it seems; it is heard when the block is taken back', async () => {
    const { cyd, dan } = await stage.people('cyd', 'dan');
    await blocks(cyd, dan);
    const [cydThere, danThere] = [await cyd.connects(there()), await dan.connects(there())];
    const asked = await dan.rest('POST', `/api/users/${cyd.id}/friend-request`);
    expect(asked).toMatchObject({ status: 200, body: { data: { state: 'outgoing' } } });
    const contacts = async (person: Person) =>
      (await person.rest<ContactsView>('GET', '/api/users/friends', undefined, there())).body.data;
    expect((await contacts(dan)).outgoing).toMatchObject([{ id: cyd.id }]);
    expect((await contacts(cyd)).incoming).toEqual([]);
    const answers = await Promise.all(
      ['accept', 'decline'].map((step) => cyd.rest('POST', `/api/users/${dan.id}/friend-request/${step}`)),
    );
    expect(answers.map(({ status }) => status)).toEqual([404, 404]);
    expect((await cyd.rest('POST', `/api/users/${dan.id}/friend-request`)).status).toBe(403);
    expect((await heard(cydThere)).map(({ event }) => event)).not.toContain('notification:new');
    expect((await heard(danThere)).filter(({ event }) => event === 'presence:update')).toHaveLength(1);
    await unblocks(cyd, dan);
    expect((await contacts(cyd)).incoming).toMatchObject([{ id: dan.id }]);
  });

  test('a request on its way ends with a block: one’s own is taken back, the other’s is out of sight', async () => {
    const { cyd, dan } = await stage.people('cyd', 'dan');
    await cyd.rest('POST', `/api/users/${dan.id}/friend-request`);
    await dan.rest('POST', `/api/users/${bob.id}/friend-request`);
    await blocks(cyd, dan);
    await blocks(bob, dan);
    const { incoming, outgoing } = (await dan.rest<ContactsView>('GET', '/api/users/friends')).body.data;
    expect([incoming, outgoing.map(({ id }) => id)]).toEqual([[], [bob.id]]);
    const bobs = (await bob.rest<{ notifications: NotificationView[] }>('GET', '/api/notifications')).body
      .data;
    expect(bobs.notifications).toEqual([]);
  });

  test('each has his own block, can repeat it, and lists whom he has blocked, page by page', async () => {
    const others = Object.values(await stage.people('cyd', 'dan', 'eve'));
    for (const person of [bob, ...others])
      for (let i = 0; i < 2; i += 1) expect((await blocks(ann, person)).status).toBe(200);
    await blocks(bob, ann, there());
    type Page = { blocks: BlockView[]; nextCursor: string | null; hasMore: boolean };
    const page = async (by: Person, query: string): Promise<Page> =>
      (await by.rest<Page>('GET', `/api/users/blocks${query}`, undefined, there())).body.data;
    const first = await page(ann, '?limit=3');
    expect(first.hasMore).toBe(true);
    const second = await page(ann, `?limit=3&cursor=${first.nextCursor}`);
    expect([second.hasMore, second.nextCursor]).toEqual([false, null]);
    expect([...first.blocks, ...second.blocks].map(({ user }) => user.id)).toEqual(
      [bob, ...others].map(({ id }) => id).reverse(),
    );
    expect((await page(bob, '')).blocks.map(({ user }) => user.id)).toEqual([ann.id]);
    // One of two blocks is taken back; the other holds.
    for (let i = 0; i < 2; i += 1) expect((await unblocks(ann, bob)).status).toBe(200);
    expect((await says(ann, chat, 'x')).status).toBe(403);
    await unblocks(bob, ann);
    expect((await says(ann, chat, 'x', there())).status).toBe(201);
  });

  test('nobody to block', async () => {
    const absent = { ...bob, id: bob.id.replace(/./g, '0') };
    expect((await blocks(ann, absent)).status).toBe(404);
    expect((await unblocks(ann, absent)).status).toBe(404);
    expect((await blocks(ann, ann)).status).toBe(422);
    expect((await blocks(ann, { ...bob, id: 'bob' })).status).toBe(422);
  });
});
