import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Server } from 'socket.io';
import type { MessageView } from '../../src/contract/views.js';
import { check, type Evidence } from '../../tools/replay/check.js';
import { Observer, type Observed } from '../../tools/replay/observer.js';
import { percentile } from '../../tools/replay/report.js';
import type { Cue } from '../../tools/replay/script.js';
import { eventually } from '../support/eventually.js';

/** A replay that says OK must mean it: each kind of fault is made here, and must be found. */

const cue = (number: number, nick: string, answers: number | null = null): Cue => ({
  ...{ number, nick, answers },
  text: `line ${number}`,
  clientMessageId: `c${number}`,
});

/** Only what a check looks at. */
function message(seq: number, line: number, over: object = {}): MessageView {
  const fields = {
    ...{ _id: `m${line}`, chat: 'chat', seq, rev: seq, clientMessageId: `c${line}`, replyTo: null },
    content: { text: `line ${line}` },
    sender: { id: `u-${cues[line]?.nick ?? ''}` },
    ...over,
  };
  return fields as unknown as MessageView;
}

const cues = [cue(0, 'ann'), cue(1, 'bob'), cue(2, 'ann', 1)];
const replyTo = { _id: 'm1', seq: 2, sender: 'u-bob', content: {} };
const good = [message(1, 0), message(2, 1), message(3, 2, { replyTo })];
const counts = { live: 3, bySync: 0, inBoth: 0, duplicates: 0, overtaken: 0, leaves: 0, lost: 0 };
const seen = (view: MessageView[], over: Partial<Observed> = {}): Observed => ({
  ...{ name: 'w', view, ...counts },
  ...over,
});

const judge = (over: Partial<Evidence>) =>
  check({
    cues,
    acknowledged: new Map(good.map((each, number) => [number, each])),
    histories: [good],
    observers: [seen(good)],
    userOf: (nick) => `u-${nick}`,
    strict: true,
    oneNode: true,
    ...over,
  });

describe('the judgement of a replay', () => {
  test('finds nothing where nothing is wrong', () => {
    expect(judge({})).toMatchObject({
      ...{ history: 3, firstSeq: 1, lastSeq: 3, gaps: 0, lost: 0, duplicates: 0, outOfOrder: 0 },
      ...{ textsDiffering: 0, repliesDiffering: 0, sendersDiffering: 0, nodesDiffering: 0, examples: [] },
      observers: [{ delivered: 3, missing: 0, outOfOrder: 0, differing: 0 }],
    });
  });

  test('an acknowledged message that is not in the history, and the gap it leaves', () => {
    expect(judge({ histories: [[good[0], good[2]] as MessageView[]] })).toMatchObject({ lost: 1, gaps: 1 });
    expect(judge({ histories: [good.slice(1)] })).toMatchObject({ lost: 1, gaps: 1 });
  });

  test('a line stored twice', () => {
    const again = message(4, 1, { _id: 'other' });
    expect(judge({ histories: [[...good, again]] })).toMatchObject({ duplicates: 1, outOfOrder: 1 });
  });

  test.each([
    ['a text', { content: { text: 'line 0 ' } }, { textsDiffering: 1 }],
    ['a sender', { sender: { id: 'u-bob' } }, { sendersDiffering: 1 }],
    ['a reply link too many', { replyTo }, { repliesDiffering: 1 }],
  ])('%s that differs from the file, also at the observer', (_what, change, findings) => {
    const changed = [message(1, 0, change), ...good.slice(1)];
    expect(judge({ histories: [changed], observers: [seen(changed)] })).toMatchObject(findings);
    expect(judge({ observers: [seen(changed)] }).observers[0]).toMatchObject({ differing: 1 });
  });

  test('a reply link that is missing', () => {
    expect(judge({ histories: [[...good.slice(0, 2), message(3, 2)]] })).toMatchObject({
      repliesDiffering: 1,
    });
  });

  test('an order that is not the log’s: of the history, of an observer, of live events in one process', () => {
    const swapped = [message(1, 1), message(2, 0), message(3, 2, { replyTo: { ...replyTo, seq: 1 } })];
    expect(judge({ histories: [swapped] })).toMatchObject({ outOfOrder: 1 });
    expect(judge({ observers: [seen(swapped)] }).observers[0]).toMatchObject({ outOfOrder: 1 });
    const overtaken = [seen(good, { overtaken: 1 })];
    expect(judge({ observers: overtaken }).observers[0]).toMatchObject({ outOfOrder: 1 });
    expect(judge({ observers: overtaken, oneNode: false }).observers[0]).toMatchObject({
      outOfOrder: 0,
    });
  });

  test('people who talk at the same time may be stored in any order, but not one’s own words, nor an answer too early', () => {
    const strict = false;
    const together = [message(1, 1), message(2, 0), message(3, 2, { replyTo: { ...replyTo, seq: 1 } })];
    expect(judge({ strict, histories: [together] })).toMatchObject({ outOfOrder: 0 });
    const ownWords = [message(1, 1), message(2, 2, { replyTo }), message(3, 0)];
    expect(judge({ strict, histories: [ownWords] })).toMatchObject({ outOfOrder: 1 });
    const early = [message(1, 0), message(2, 2, { replyTo }), message(3, 1)];
    expect(judge({ strict, histories: [early] })).toMatchObject({ outOfOrder: 1 });
  });

  test('what an observer misses, and a node that tells another history', () => {
    const { observers, examples } = judge({ observers: [seen(good.slice(0, 2))] });
    expect(observers[0]).toMatchObject({ delivered: 2, missing: 1, differing: 0 });
    expect(examples).toEqual(['w has not got seq 3']);
    expect(judge({ histories: [good, good.slice(0, 2)] })).toMatchObject({ nodesDiffering: 1 });
  });
});

test('percentiles are values that occurred', () => {
  expect(percentile([], 0.5)).toBe(0);
  expect(percentile([3, 1, 2], 0.5)).toBe(2);
  expect(percentile([1, 2, 3, 4], 0.99)).toBe(4);
});

describe('an observer', () => {
  const closers: (() => void)[] = [];
  afterEach(() => {
    for (const close of closers.splice(0).reverse()) close();
  });

  /** A server that says what it is told to say. */
  async function liar(missed: MessageView[]) {
    const http = createServer().listen(0, '127.0.0.1');
    await once(http, 'listening');
    const io = new Server(http);
    closers.push(() => void io.close());
    io.on('connection', (socket) => {
      socket.on('sync', (asked: { chats: Record<string, number> }, done: (answer: object) => void) => {
        const since = asked.chats['chat'] ?? 0;
        const messages = missed.filter((each) => each.rev > since);
        const chats = [
          { chatId: 'chat', rev: Math.max(since, ...messages.map((each) => each.rev)), messages },
        ];
        done({ success: true, data: { chats, more: false } });
      });
    });
    const observer = new Observer({
      ...{ name: 'w', token: 't', from: undefined, chatId: 'chat' },
      urls: [`http://127.0.0.1:${(http.address() as AddressInfo).port}`],
      onLive: () => undefined,
      patience: { wait: async () => undefined },
    });
    closers.push(() => observer.close());
    await observer.come();
    const tell = (...messages: MessageView[]): void => {
      for (const each of messages) io.emit('message:new', { chatId: 'chat', message: each });
    };
    return { io, observer, tell };
  }

  test('counts what is told twice, and what is told late', async () => {
    const { observer, tell } = await liar([]);
    const [one, two, three] = good as [MessageView, MessageView, MessageView];
    tell(one, three, two, one, message(4, 1, { _id: 'a second m1' }), message(3, 9));
    await eventually(() => expect(observer.observed().view.map((each) => each.seq)).toEqual([1, 2, 3, 3, 4]));
    // Twice told, one line as two messages, two messages in one place.
    expect(observer.observed()).toMatchObject({ live: 5, duplicates: 3, overtaken: 3 });
  });

  test('asks, after an absence, for all since the last that it has without a gap', async () => {
    const missed: MessageView[] = [];
    const { observer, tell } = await liar(missed);
    const [one, two, three] = good as [MessageView, MessageView, MessageView];
    tell(one, three);
    await eventually(() => expect(observer.delivered).toBe(2));
    observer.leave();
    missed.push(two, three);
    await observer.come();
    expect(observer.observed()).toMatchObject({ live: 2, bySync: 1, inBoth: 1, duplicates: 0, leaves: 1 });
    expect(observer.observed().view.map((each) => each.seq)).toEqual([1, 2, 3]);
  });

  test('comes back by itself when it was cut, and catches up', async () => {
    const missed: MessageView[] = [];
    const { io, observer } = await liar(missed);
    missed.push(...good);
    io.disconnectSockets(true);
    await eventually(() => expect(observer.delivered).toBe(3));
    expect(observer.observed()).toMatchObject({ live: 0, bySync: 3, lost: 1, leaves: 0 });
  });
});
