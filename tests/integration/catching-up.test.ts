import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ServerEvents } from '../../src/contract/events.js';
import type { ChatView, MessageView, ReadMark } from '../../src/contract/views.js';
import { deploy, type Deployment } from '../support/deployment.js';
import { scene, type Ear, type Person } from '../support/scene.js';

let deployment: Deployment;
let stage: ReturnType<typeof scene>;
beforeAll(async () => {
  deployment = await deploy('two nodes');
  stage = scene(deployment.here);
});
afterAll(async () => {
  stage.close();
  await deployment.close();
});

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const from = (first: number, last: number): number[] => upTo(last).slice(first - 1);

describe('sync', () => {
  type Sync = {
    chats: { chatId: string; rev: number; chat: ChatView; messages: MessageView[] }[];
    gone: string[];
    more: boolean;
    state: { chatId: string; rev: number; seq: number; lastReadSeq: number; unreadCount: number }[];
  };
  const sync = async (ear: Ear, chats: Record<string, number>): Promise<Sync> =>
    (await ear.asks<Sync>('sync', { chats })).data;
  const inShort = ({ chats }: Sync) =>
    Object.fromEntries(
      chats.map(({ chatId, rev, messages }) => [chatId, { rev, seqs: messages.map((m) => m.seq) }]),
    );

  test('gives the newest page of unknown chats, the changes of known ones, and names those that are gone', async () => {
    const { ann, bob, cyd } = await stage.people('ann', 'bob', 'cyd');
    const [busy, quiet, silent, left] = [
      await stage.direct(ann, bob),
      await stage.group(ann, [bob], 'quiet'),
      await stage.group(ann, [bob], 'silent'),
      await stage.group(ann, [bob, cyd], 'left'),
    ];
    for (const seq of upTo(25)) await ann.sends(busy._id, `message ${seq}`);
    await bob.sends(quiet._id, 'one');
    await ann.rest('DELETE', `/api/chats/${left._id}/members/${bob.id}`);
    const bobThere = await bob.connects(deployment.there.url);

    const fresh = await sync(bobThere, {});
    expect(inShort(fresh)).toEqual({
      [busy._id]: { rev: 25, seqs: from(6, 25) },
      [quiet._id]: { rev: 1, seqs: [1] },
      [silent._id]: { rev: 0, seqs: [] },
    });
    const { chat } = fresh.chats.find(({ chatId }) => chatId === quiet._id) ?? {};
    expect(chat).toMatchObject({ seq: 1, unreadCount: 0, users: [{ id: ann.id }, { id: bob.id }] });
    expect([fresh.gone, fresh.more]).toEqual([[], false]);
    const states = new Map(fresh.state.map(({ chatId, ...state }) => [chatId, state]));
    expect(states.get(busy._id)).toEqual({ rev: 25, seq: 25, lastReadSeq: 0, unreadCount: 25 });
    expect(states.get(quiet._id)).toEqual({ rev: 1, seq: 1, lastReadSeq: 1, unreadCount: 0 });

    const known = { [busy._id]: 20, [quiet._id]: 1, [silent._id]: 0, [left._id]: 3 };
    const later = await sync(bobThere, known);
    expect(inShort(later)).toEqual({ [busy._id]: { rev: 25, seqs: from(21, 25) } });
    expect([later.gone, later.more, later.state.length]).toEqual([[left._id], false, 3]);
    const all = await sync(bobThere, { [busy._id]: 0 });
    expect(inShort(all)[busy._id]).toEqual({ rev: 25, seqs: upTo(25) });
  });

  test('reading on another device shows in the state, though no rev has changed', async () => {
    const { ann, bob } = await stage.people('ann', 'bob');
    const chat = await stage.direct(ann, bob);
    for (const text of ['a', 'b', 'c']) await ann.sends(chat._id, text);
    await bob.rest('POST', `/api/chats/${chat._id}/read`, { seq: 2 });
    const { chats, state } = await sync(await bob.connects(), { [chat._id]: 3 });
    expect(chats).toEqual([]);
    expect(state).toEqual([{ chatId: chat._id, rev: 3, seq: 3, lastReadSeq: 2, unreadCount: 1 }]);
  });

  test('comes in parts while there is more, each chat and each message once', async () => {
    const { ann, bob } = await stage.people('ann', 'bob');
    const groups = await Promise.all(upTo(30).map((i) => stage.group(ann, [bob], `group ${i}`)));
    await Promise.all(groups.map(({ _id }) => bob.sends(_id, 'hello')));
    const annHere = await ann.connects();
    const known: Record<string, number> = {};
    const seen: string[] = [];
    for (let calls = 0; ; calls += 1) {
      expect(calls).toBeLessThan(4);
      const part = await sync(annHere, known);
      for (const { chatId, rev, messages } of part.chats) {
        known[chatId] = rev;
        seen.push(...messages.map(({ _id }) => _id));
      }
      expect(part.state).toHaveLength(30);
      if (!part.more) break;
    }
    expect(Object.keys(known).sort()).toEqual(groups.map(({ _id }) => _id).sort());
    expect(new Set(seen).size).toBe(30);
    expect(seen).toHaveLength(30);

    // Much has happened meanwhile in two of them, more than one answer holds.
    const { connection } = await deployment.database();
    const ids = groups.slice(0, 2).map(({ _id }) => new connection.base.Types.ObjectId(_id));
    const sender = new connection.base.Types.ObjectId(bob.id);
    const written = ids.flatMap((chat) =>
      from(2, 801).map((seq) => ({
        ...{
          chat,
          sender,
          seq,
          rev: seq,
          messageType: 'text',
          content: { text: `${seq}` },
          createdAt: new Date(),
        },
      })),
    );
    await connection.collection('messages').insertMany(written);
    const caught: string[] = [];
    for (let calls = 0; ; calls += 1) {
      expect(calls).toBeLessThan(4);
      const part = await sync(annHere, known);
      for (const { chatId, rev, messages } of part.chats) {
        known[chatId] = rev;
        caught.push(...messages.map((message) => `${message.chat} ${message.seq}`));
      }
      if (!part.more) break;
    }
    expect(new Set(caught).size).toBe(1_600);
    expect(caught).toHaveLength(1_600);
  });
});

describe('what is read', () => {
  test('only ever moves on, no further than the newest message, and is the same by every path', async () => {
    const { ann, bob } = await stage.people('ann', 'bob');
    const chat = await stage.direct(ann, bob);
    const [bobHere, annThere] = [await bob.connects(), await ann.connects(deployment.there.url)];
    for (const text of ['a', 'b', 'c', 'd']) await ann.sends(chat._id, text);

    const unread = async (): Promise<unknown[]> => {
      const one = await bob.rest<ChatView>('GET', `/api/chats/${chat._id}`, undefined, deployment.there.url);
      const list = await bob.rest<{ chats: ChatView[] }>('GET', '/api/chats');
      const synced = await bobHere.asks<{ state: { unreadCount: number }[] }>('sync', {});
      const fresh = await bob.connects(deployment.there.url);
      const [established] = fresh.heardSoFar;
      const total = established?.payload as ServerEvents['connection:established'];
      fresh.close();
      const counts = [one.body.data, list.body.data.chats[0], synced.data.state[0]].map(
        (c) => c?.unreadCount,
      );
      return [...new Set([...counts, total.unread.total])];
    };
    const read = async (seq: number): Promise<ReadMark> =>
      (await bobHere.asks<ReadMark>('message:read', { chatId: chat._id, seq })).data;

    expect(await unread()).toEqual([4]);
    expect(await read(3)).toMatchObject({ chatId: chat._id, userId: bob.id, seq: 3 });
    expect(await annThere.hears('message:read')).toMatchObject({ userId: bob.id, seq: 3 });
    expect(await unread()).toEqual([1]);
    expect((await read(1)).seq).toBe(3);
    expect(await unread()).toEqual([1]);
    expect((await read(1_000_000)).seq).toBe(4);
    expect(await unread()).toEqual([0]);
    expect(await annThere.hears('message:read')).toMatchObject({ seq: 4 });
    await ann.sends(chat._id, 'e');
    expect(await unread()).toEqual([1]);
    await bob.sends(chat._id, 'my answer');
    expect(await unread()).toEqual([0]);
    const history = await ann.rest<{ messages: MessageView[] }>('GET', `/api/messages/${chat._id}`);
    expect(history.body.data.messages.map(({ readBy }) => readBy)).toEqual([
      ...Array.from({ length: 5 }, () => [bob.id]),
      [],
    ]);
    // Nothing was told of marks that did not move.
    await annThere.asks('chat:list', {});
    expect(annThere.heardSoFar.filter(({ event }) => event === 'message:read')).toHaveLength(2);
  });

  test('delivery is told to the others, and only when it moves', async () => {
    const { ann, bob } = await stage.people('ann', 'bob');
    const chat = await stage.direct(ann, bob);
    const [bobHere, annThere] = [await bob.connects(), await ann.connects(deployment.there.url)];
    await ann.sends(chat._id, 'a');
    await ann.sends(chat._id, 'b');
    for (const seq of [1, 1, 99, 0]) await bobHere.asks('message:delivered', { chatId: chat._id, seq });
    expect(await annThere.hears('message:delivered')).toMatchObject({ userId: bob.id, seq: 1 });
    expect(await annThere.hears('message:delivered')).toMatchObject({ userId: bob.id, seq: 2 });
    await bob.sends(chat._id, 'done');
    await annThere.hears('message:new', ({ message }) => message.content.text === 'done');
    expect(annThere.heardSoFar.filter(({ event }) => event === 'message:delivered')).toHaveLength(2);
    expect(bobHere.heardSoFar.filter(({ event }) => event === 'message:delivered')).toHaveLength(0);
  });
});

describe('the chat list', () => {
  type Page = { chats: ChatView[]; nextCursor: string | null; hasMore: boolean };
  const page = async (person: Person, query: string): Promise<Page> => {
    const { status, body } = await person.rest<Page>(
      'GET',
      `/api/chats?${query}`,
      undefined,
      deployment.there.url,
    );
    expect([query, status]).toEqual([query, 200]);
    return body.data;
  };
  const namesOf = ({ chats }: Page): string[] => chats.map(({ chatName }) => chatName);
  async function fiveChats(): Promise<{ ann: Person; bob: Person; chats: Record<string, ChatView> }> {
    const { ann, bob } = await stage.people('ann', 'bob');
    const chats: Record<string, ChatView> = {};
    for (const name of ['a', 'b', 'c', 'd', 'e']) chats[name] = await stage.group(ann, [bob], name);
    return { ann, bob, chats };
  }
  const byCursor = async (person: Person, limit: number): Promise<string[]> => {
    const names: string[] = [];
    for (let cursor: string | null = '', pages = 0; cursor !== null; pages += 1) {
      expect(pages).toBeLessThan(10);
      const found: Page = await page(person, `limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`);
      names.push(...namesOf(found));
      expect(found.hasMore).toBe(found.nextCursor !== null);
      cursor = found.nextCursor;
    }
    return names;
  };

  test('begins with the newest activity: a message, or the making of the chat', async () => {
    const { ann, bob, chats } = await fiveChats();
    expect(namesOf(await page(ann, ''))).toEqual(['e', 'd', 'c', 'b', 'a']);
    await bob.sends(chats.b?._id ?? '', 'up you go');
    expect(namesOf(await page(ann, ''))).toEqual(['b', 'e', 'd', 'c', 'a']);
    await ann.rest('PATCH', `/api/chats/${chats.a?._id}`, { description: 'so do you' });
    expect(namesOf(await page(ann, ''))).toEqual(['a', 'b', 'e', 'd', 'c']);
    // Reading and muting are no activity.
    await ann.rest('POST', `/api/chats/${chats.c?._id}/read`, { seq: 0 });
    await ann.rest('PATCH', `/api/chats/${chats.c?._id}/me`, { muted: true });
    const { chats: listed } = await page(ann, '');
    expect(listed.map(({ chatName }) => chatName)).toEqual(['a', 'b', 'e', 'd', 'c']);
    expect(listed.map(({ unreadCount }) => unreadCount)).toEqual([0, 1, 0, 0, 0]);
    expect(listed[1]?.latestMessage).toMatchObject({
      content: { text: 'up you go' },
      sender: { id: bob.id },
    });
    expect(listed[4]).toMatchObject({ muted: true, latestMessage: null });
  });

  test('comes in pages, by cursor or by number, each chat once', async () => {
    const { ann } = await fiveChats();
    for (const limit of [1, 2, 3, 5, 6])
      expect(await byCursor(ann, limit)).toEqual(['e', 'd', 'c', 'b', 'a']);
    const numbered = [];
    for (const number of [1, 2, 3, 4]) numbered.push(await page(ann, `page=${number}&limit=2`));
    expect(numbered.map(namesOf)).toEqual([['e', 'd'], ['c', 'b'], ['a'], []]);
    expect(numbered.map(({ hasMore }) => hasMore)).toEqual([true, true, false, false]);
  });

  test('loses and repeats nothing where many chats have one time, or one moves up meanwhile', async () => {
    const { ann, bob, chats } = await fiveChats();
    const { connection } = await deployment.database();
    const ids = Object.values(chats).map(({ _id }) => new connection.base.Types.ObjectId(_id));
    const at = new Date();
    const settled = { $set: { lastMessageAt: at, createdAt: at } };
    await connection.collection('chats').updateMany({ _id: { $in: ids } }, settled);
    expect((await byCursor(ann, 2)).sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
    const first = await page(ann, 'limit=2');
    await bob.sends(first.chats[1]?._id ?? '', 'news');
    const rest = await page(ann, `limit=5&cursor=${first.nextCursor}`);
    expect([...namesOf(first), ...namesOf(rest)].sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
});
