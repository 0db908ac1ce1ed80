import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ChatView, MessageView } from '../../src/contract/views.js';
import { deploy, type Deployment } from '../support/deployment.js';
import { scene, type Person } from '../support/scene.js';

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
