import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
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

describe('pages of history', () => {
  let ann: Person;
  let bob: Person;
  let chat: ChatView;
  const sent: MessageView[] = [];
  /** Between the 10th and the 11th message, and before and after all. */
  let dates: { early: string; middle: string; late: string };

  beforeAll(async () => {
    ({ ann, bob } = await stage.people('ann', 'bob'));
    chat = await stage.direct(ann, bob);
    for (const seq of upTo(30))
      sent.push(await (seq % 2 === 0 ? ann : bob).sends(chat._id, `message ${seq}`));
    // As if a second lay between any two: the times are behind the server's back, the seqs as they were.
    const { connection } = await deployment.database();
    const start = Date.UTC(2024, 0, 1);
    const messages = connection.collection('messages');
    for (const { _id, seq } of sent) {
      const id = new connection.base.Types.ObjectId(_id);
      await messages.updateOne({ _id: id }, { $set: { createdAt: new Date(start + seq * 1_000) } });
    }
    const at = (ms: number): string => new Date(start + ms).toISOString();
    dates = { early: at(0), middle: at(10_500), late: at(60_000) };
  });

  type Page = { messages: MessageView[]; hasMore: boolean; nextCursor: string | null };
  async function page(
    query: string,
  ): Promise<{ seqs: number[]; hasMore: boolean; nextCursor: string | null }> {
    const { status, body } = await bob.rest<Page>('GET', `/api/messages/${chat._id}?${query}`);
    expect([query, status]).toEqual([query, 200]);
    const { messages, hasMore, nextCursor } = body.data;
    return { seqs: messages.map(({ seq }) => seq), hasMore, nextCursor };
  }
  const id = (seq: number): string => sent[seq - 1]?._id ?? '';

  test('the newest page comes first, in ascending seq, twenty unless said', async () => {
    expect(await page('')).toEqual({ seqs: from(11, 30), hasMore: true, nextCursor: '11' });
    expect(await page('limit=5')).toEqual({ seqs: from(26, 30), hasMore: true, nextCursor: '26' });
    expect(await page('limit=100')).toEqual({ seqs: upTo(30), hasMore: false, nextCursor: null });
    expect(await page('limit=30')).toEqual({ seqs: upTo(30), hasMore: false, nextCursor: null });
  });

  test.each([
    ['before=11&limit=5', from(6, 10), true],
    ['before=6&limit=5', from(1, 5), false],
    ['before=1', [], false],
    ['before=0', [], false],
    ['before=999999999&limit=2', [29, 30], true],
    ['after=25&limit=10', from(26, 30), false],
    ['after=0&limit=3', from(1, 3), true],
    ['after=27&limit=3', from(28, 30), false],
    ['after=30', [], false],
    ['after=999999999', [], false],
    ['around=15&limit=5', from(13, 17), true],
    ['around=1&limit=4', [1, 2], false],
    ['around=30&limit=5', from(28, 30), true],
  ])('by seq: %s', async (query, seqs, hasMore) => {
    expect(await page(query)).toMatchObject({ seqs, hasMore });
  });

  test('by message id as by its seq', async () => {
    expect((await page(`before=${id(11)}&limit=5`)).seqs).toEqual(from(6, 10));
    expect((await page(`after=${id(11)}&limit=5`)).seqs).toEqual(from(12, 16));
    expect((await page(`around=${id(11).toUpperCase()}&limit=5`)).seqs).toEqual(from(9, 13));
    const path = `/api/messages/${chat._id}?before=0123456789abcdef01234567`;
    expect((await bob.rest('GET', path)).status).toBe(404);
  });

  test('by date: what was said before it, and what since', async () => {
    const dateOf = (name: keyof typeof dates): string => encodeURIComponent(dates[name]);
    expect((await page(`before=${dateOf('middle')}&limit=5`)).seqs).toEqual(from(6, 10));
    expect((await page(`before=${dateOf('early')}`)).seqs).toEqual([]);
    expect((await page(`before=${dateOf('late')}&limit=2`)).seqs).toEqual([29, 30]);
    expect((await page(`around=${dateOf('middle')}&limit=4`)).seqs).toEqual(from(9, 12));
    expect((await page(`after=${dateOf('late')}`)).seqs).toEqual([]);
    expect((await page(`after=${dateOf('early')}&limit=3`)).seqs).toEqual(from(1, 3));
    expect((await page(`after=${dateOf('middle')}&limit=5`)).seqs).toEqual(from(11, 15));
    const theEleventh = encodeURIComponent(new Date(Date.UTC(2024, 0, 1) + 11_000).toISOString());
    expect((await page(`before=${theEleventh}&limit=2`)).seqs).toEqual([9, 10]);
    expect((await page(`after=${theEleventh}&limit=2`)).seqs).toEqual([12, 13]);
  });

  test('nextCursor leads through all of it, back and forth', async () => {
    for (const [direction, start] of [
      ['before', ''],
      ['after', 'after=0&'],
    ] as const) {
      const seen: number[] = [];
      let query = `${start}limit=7`;
      for (;;) {
        const { seqs, hasMore, nextCursor } = await page(query);
        seen.push(...seqs);
        expect(hasMore).toBe(nextCursor !== null);
        if (nextCursor === null) break;
        query = `${direction}=${nextCursor}&limit=7`;
      }
      expect(seen.sort((a, b) => a - b)).toEqual(upTo(30));
    }
  });

  test('limits of the limit', async () => {
    for (const limit of ['0', '101', '-1', '1.5', 'all', '', '1e1']) {
      const { status } = await bob.rest('GET', `/api/messages/${chat._id}?limit=${limit}`);
      expect([limit, status]).toEqual([limit, 422]);
    }
    expect((await page('limit=1')).seqs).toEqual([30]);
  });

  test('changes come in rev order, page by page', async () => {
    type Changes = { messages: MessageView[]; rev: number; more: boolean };
    const changes = async (query: string): Promise<[number[], number, boolean]> => {
      const { body } = await bob.rest<Changes>('GET', `/api/chats/${chat._id}/changes?${query}`);
      return [body.data.messages.map(({ rev }) => rev), body.data.rev, body.data.more];
    };
    expect(await changes('')).toEqual([upTo(30), 30, false]);
    expect(await changes('since=0&limit=12')).toEqual([upTo(12), 12, true]);
    expect(await changes('since=12&limit=18')).toEqual([from(13, 30), 30, false]);
    expect(await changes('since=30')).toEqual([[], 30, false]);
  });
});

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
    expect(fresh.chats[0]?.chat).toMatchObject({
      seq: 1,
      unreadCount: 0,
      users: [{ id: ann.id }, { id: bob.id }],
    });
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
      const { unread: total } = await fresh.hears('connection:established');
      fresh.close();
      const counts = [one.body.data, list.body.data.chats[0], synced.data.state[0]].map(
        (c) => c?.unreadCount,
      );
      return [...new Set([...counts, total.total])];
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
