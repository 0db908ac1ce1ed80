import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createModels, type Models } from '../../src/models/index.js';
import { newId } from '../../src/models/ids.js';
import { AppError } from '../../src/platform/errors/app-error.js';
import type { Appended } from '../../src/services/message.log.js';
import { connectMongo } from '../../src/platform/mongo/connect.js';
import { silentLogger } from '../../src/platform/logging/logger.js';
import { startTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import {
  appendMany,
  assertSound,
  draft,
  modelsOn,
  range,
  startLog,
  storedIn,
  type Fate,
} from '../support/message-logs.js';
import { startUnsteadyDatabase, type UnsteadyDatabase } from '../support/unsteady-database.js';

let database: TestDatabase;
let models: Models;

beforeAll(async () => {
  database = await startTestDatabase();
  models = await modelsOn((await database.connect()).connection);
});

afterAll(() => database.close());

const seqsOf = (appended: Appended[]): number[] => appended.map(({ message }) => message.seq);

describe('the log of a chat', () => {
  test('two nodes that write one chat at once share its numbers without a gap, each telling its own in order', async () => {
    const chat = newId();
    const [here, there] = [startLog(models.messages), startLog(models.messages)];
    const [mine, theirs] = await Promise.all([
      appendMany(here, chat, { count: 300, by: 'here' }),
      appendMany(there, chat, { count: 300, by: 'there' }),
    ]);

    const stored = await assertSound(models, {
      chat,
      nodes: [here, there],
      acknowledged: [...mine, ...theirs],
    });
    expect(stored).toHaveLength(600);
    expect([...seqsOf(mine), ...seqsOf(theirs)].sort((a, b) => a - b)).toEqual(range(1, 600));
    // Each node keeps the order in which it was asked.
    expect(seqsOf(mine)).toEqual(seqsOf(mine).toSorted((a, b) => a - b));
    expect(here.told.map(({ context }) => context)).toEqual(range(0, 299).map((index) => `here ${index}`));
    expect(there.told).toHaveLength(300);
  });

  test('messages that trickle in from both nodes keep the numbers whole, too', async () => {
    const chat = newId();
    const nodes = [startLog(models.messages), startLog(models.messages)];
    const acknowledged = await Promise.all(
      nodes.flatMap((node, index) =>
        range(1, 8).map(async (lane) => {
          const own: Appended[] = [];
          for (const round of range(1, 10)) {
            const text = `${index}-${lane}-${round}`;
            own.push(await node.log.append(draft(chat, text), text));
          }
          return own;
        }),
      ),
    );
    expect(await assertSound(models, { chat, nodes, acknowledged: acknowledged.flat() })).toHaveLength(160);
  });

  test('one clientMessageId is one message: within a batch, and when both nodes get it at once', async () => {
    const chat = newId();
    const sender = newId();
    const [here, there] = [startLog(models.messages), startLog(models.messages)];
    const ids = range(1, 40).map(() => randomUUID());
    const sends = ids.flatMap((clientMessageId, index) =>
      [here, here, there, there].map((node, copy) =>
        node.log.append(draft(chat, `${index}`, { sender, clientMessageId }), `${index}, copy ${copy}`),
      ),
    );
    const answers = await Promise.all(sends);

    ids.forEach((_, index) => {
      const four = answers.slice(index * 4, index * 4 + 4);
      expect(four.filter(({ repeated }) => !repeated)).toHaveLength(1);
      expect(new Set(four.map(({ message }) => message._id.toHexString())).size).toBe(1);
      expect(new Set(seqsOf(four)).size).toBe(1);
    });
    const stored = await assertSound(models, { chat, nodes: [here, there], acknowledged: answers });
    expect(stored.map(({ clientMessageId }) => clientMessageId).sort()).toEqual([...ids].sort());
    expect(here.told.length + there.told.length).toBe(40);
  });

  test('a repetition later, with another text, answers the first message; another sender’s same id is his own', async () => {
    const chat = newId();
    const [sender, clientMessageId] = [newId(), randomUUID()];
    const [here, there] = [startLog(models.messages), startLog(models.messages)];
    const first = await here.log.append(draft(chat, 'first', { sender, clientMessageId }), '');
    const again = await there.log.append(draft(chat, 'second', { sender, clientMessageId }), '');
    const other = await there.log.append(draft(chat, 'other', { clientMessageId }), '');
    expect(again).toMatchObject({ repeated: true, message: { seq: 1, content: { text: 'first' } } });
    expect(again.message._id).toEqual(first.message._id);
    expect(other).toMatchObject({ repeated: false, message: { seq: 2, content: { text: 'other' } } });
  });

  test('many chats at once use few inserts, and each chat has its own numbers', async () => {
    const node = startLog(models.messages);
    const chats = range(1, 1_000).map(() => newId());
    await Promise.all(chats.map((chat) => node.log.append(draft(chat, 'hello'), '')));
    // One turn's arrivals travel together, 400 to an insert.
    expect([...node.inserts].sort((a, b) => b - a)).toEqual([400, 400, 200]);
    const again = await Promise.all(chats.map((chat) => node.log.append(draft(chat, 'again'), '')));
    expect(node.inserts).toHaveLength(6);
    expect(new Set(seqsOf(again))).toEqual(new Set([2]));
    expect(again.every(({ message }) => message.rev === 2)).toBe(true);
  });

  test('a chat whose number another node has taken holds up none of those it travels with', async () => {
    const [here, there] = [startLog(models.messages), startLog(models.messages)];
    const chats = range(1, 20).map(() => newId());
    const say = (node: typeof here, text: string) =>
      Promise.all(chats.map((chat) => node.log.append(draft(chat, text), text)));
    await say(here, 'one');
    // Both know the numbers up to one now; from here on each is behind the other by turns.
    await say(there, 'two');
    const third = await say(here, 'three');
    expect(new Set(seqsOf(third))).toEqual(new Set([3]));
    for (const chat of chats) expect(await storedIn(models, chat)).toHaveLength(3);
    const contested = chats[0] ?? newId();
    await there.log.append(draft(contested, 'four'), '');
    const before = here.inserts.length;
    const [late, ...rest] = await say(here, 'five');
    expect(late?.message.seq).toBe(5);
    expect(new Set(seqsOf(rest))).toEqual(new Set([4]));
    // One for all of them, and one more for the loser.
    expect(here.inserts.slice(before)).toEqual([20, 1]);
  });

  test('close waits for what is under way, and nothing is taken any more', async () => {
    const chat = newId();
    const node = startLog(models.messages);
    const settled: string[] = [];
    const sends = range(1, 50).map(async (index) => {
      await node.log.append(draft(chat, `${index}`), '');
      settled.push('sent');
    });
    await node.log.close().then(() => settled.push('closed'));
    await Promise.all(sends);
    expect(settled.indexOf('closed')).toBe(50);
    await expect(node.log.append(draft(chat, 'late'), '')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await storedIn(models, chat)).toHaveLength(50);
    await node.log.close();
  });
});

describe('the log of a chat while the database fails', () => {
  const fates: Record<string, (insert: number) => Fate> = {
    'refuses the first inserts': (insert) => (insert < 5 ? 'refuse' : 'pass'),
    'stores the first inserts and loses the answers': (insert) => (insert < 5 ? 'lose' : 'pass'),
    'refuses and loses by turns': (insert) => (['refuse', 'lose', 'pass'] as const)[insert % 3] ?? 'pass',
    'loses every other answer': (insert) => (insert % 2 === 0 ? 'lose' : 'pass'),
  };

  test.each(Object.entries(fates))(
    'when it %s, nothing is lost, doubled or out of order',
    async (_, fate) => {
      const chat = newId();
      const nodes = [startLog(models.messages, fate), startLog(models.messages, fate)] as const;
      const sends = nodes.flatMap((node, index) =>
        range(1, 12).map((number) => node.log.append(draft(chat, `${index}-${number}`), '')),
      );
      const answers = await Promise.allSettled(sends);
      const acknowledged = answers.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
      for (const one of answers) {
        if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'UNAVAILABLE' });
      }
      const stored = await assertSound(models, { chat, nodes: [...nodes], acknowledged });
      // Patience is longer than these failures, so everybody is answered.
      expect(acknowledged).toHaveLength(24);
      expect(stored).toHaveLength(24);
      expect(nodes[0].told).toHaveLength(12);
      expect(nodes[1].told).toHaveLength(12);
    },
  );

  test('whoever is refused in the end may send again by the same clientMessageId, and it is there once', async () => {
    const chat = newId();
    const sender = newId();
    let away = true;
    // Stores everything and says so to nobody: the worst of fates.
    const node = startLog(models.messages, () => (away ? 'vanish' : 'pass'));
    const ids = range(1, 10).map(() => randomUUID());
    const send = (clientMessageId: string) =>
      node.log.append(draft(chat, clientMessageId, { sender, clientMessageId }), '');
    const started = Date.now();
    const first = await Promise.allSettled(ids.map(send));
    expect(Date.now() - started).toBeLessThan(6_000);
    for (const one of first) {
      expect(one).toMatchObject({
        status: 'rejected',
        reason: { code: 'UNAVAILABLE', retryAfterSeconds: 2 },
      });
      expect(one.status === 'rejected' && one.reason).toBeInstanceOf(AppError);
    }
    away = false;
    const second = await Promise.all(ids.map(send));
    const stored = await assertSound(models, { chat, nodes: [node], acknowledged: second });
    expect(stored.map(({ clientMessageId }) => clientMessageId)).toEqual(ids);
  });
});

describe('the log of a chat while the database is away', () => {
  /** A sender waits no longer than the log's patience and what an attempt under way takes. */
  const longestWaitMs = 6_000;
  let unsteady: UnsteadyDatabase;
  let away: Models;
  let closeConnection: () => Promise<void>;

  beforeEach(async () => {
    unsteady = await startUnsteadyDatabase(database.uri);
    const mongo = await connectMongo({ uri: unsteady.uri, poolSize: 10, logger: silentLogger });
    away = createModels(mongo.connection);
    closeConnection = () => mongo.close();
  });

  afterEach(async () => {
    await unsteady.comeBack();
    await closeConnection();
    await unsteady.close();
  });

  test.each(['gone', 'frozen'] as const)(
    'when it is %s for long, every sender is told in time, whenever he came, and all is well when it is back',
    async (how) => {
      const chat = newId();
      const node = startLog(away.messages);
      const before = await node.log.append(draft(chat, 'before'), '');
      if (how === 'gone') await unsteady.goAway();
      else unsteady.freeze();

      const waits: number[] = [];
      const send = async (index: number): Promise<void> => {
        const started = performance.now();
        const sent = node.log.append(draft(chat, `away ${index}`), '');
        await expect(sent).rejects.toMatchObject({ code: 'UNAVAILABLE' });
        waits.push(performance.now() - started);
      };
      const sends: Promise<void>[] = [];
      try {
        // By and by, so that each comes at another moment of the attempt that is under way.
        await eventually(
          () => {
            sends.push(send(sends.length));
            expect(waits.length).toBeGreaterThanOrEqual(3);
          },
          { timeoutMs: 2 * longestWaitMs, everyMs: 500 },
        );
        await Promise.all(sends);
        expect(Math.max(...waits)).toBeLessThan(longestWaitMs);
      } finally {
        await unsteady.comeBack();
        await Promise.allSettled(sends);
      }
      const after = await eventually(() => node.log.append(draft(chat, 'after'), ''), { timeoutMs: 15_000 });
      await assertSound(models, { chat, nodes: [node], acknowledged: [before, after] });
    },
    60_000,
  );

  test('a short absence is not noticed by anybody', async () => {
    const chat = newId();
    const node = startLog(away.messages);
    await node.log.append(draft(chat, 'before'), '');
    await unsteady.goAway();
    const sends = range(1, 20).map((index) => node.log.append(draft(chat, `during ${index}`), ''));
    await unsteady.comeBack();
    const acknowledged = await Promise.all(sends);
    expect(await assertSound(models, { chat, nodes: [node], acknowledged })).toHaveLength(21);
  });
});
