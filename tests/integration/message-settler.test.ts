import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Models } from '../../src/models/index.js';
import { newId, type Id } from '../../src/models/ids.js';
import { silentLogger } from '../../src/platform/logging/logger.js';
import { createMessageLog, type MessageLog } from '../../src/services/message.log.js';
import { createMessageSettler, type MessageSettler } from '../../src/services/message.settler.js';
import { startTestDatabase, type TestDatabase } from '../support/database.js';
import { draft, modelsOn, range } from '../support/message-logs.js';

let database: TestDatabase;
let models: Models;

beforeAll(async () => {
  database = await startTestDatabase();
  models = await modelsOn((await database.connect()).connection);
});

afterAll(() => database.close());

/** One process's log and settler. It settles when told to, not by the clock. */
type Node = {
  log: MessageLog<null>;
  settler: MessageSettler;
  /** The next settling ends after the read marks and before the counters, as if the process had died there. */
  diesBetween: () => void;
};

function startNode(): Node {
  let dying = false;
  const settler = createMessageSettler({
    members: models.members,
    messages: models.messages,
    chats: {
      ...models.chats,
      settle: async (moves) => {
        if (!dying) return models.chats.settle(moves);
        dying = false;
        throw new Error('injected: died before the counters moved');
      },
    },
    logger: silentLogger,
    intervalMs: 3_600_000,
  });
  const log = createMessageLog<null>({
    messages: models.messages,
    logger: silentLogger,
    clock: Date.now,
    onStored: (message) => settler.note(message),
  });
  return { log, settler, diesBetween: () => void (dying = true) };
}

/** A chat with people, and what must be true of each of them. */
async function startChat(people: number) {
  const chat = newId();
  const users = range(1, people).map(() => newId());
  const at = new Date();
  await models.members.add(
    users.map((user) => ({ chat, user, role: 'member' as const, lastReadSeq: 0, at })),
  );
  await models.chats.insertGroup({
    _id: chat,
    name: 'A chat',
    description: '',
    createdBy: users[0] ?? chat,
    at,
  });
  const senders: string[] = [];
  const marks = new Map(users.map((user) => [user.toHexString(), 0]));

  return {
    chat,
    users,
    says: async (node: Node, user: Id): Promise<void> => {
      const { message } = await node.log.append(draft(chat, `${senders.length}`, { sender: user }), null);
      senders[message.seq - 1] = user.toHexString();
      marks.set(user.toHexString(), message.seq);
    },
    reads: async (user: Id, seq: number): Promise<void> => {
      await models.members.markRead(chat.toHexString(), user.toHexString(), { seq, at: new Date() });
      marks.set(user.toHexString(), Math.max(seq, marks.get(user.toHexString()) ?? 0));
    },
    get length(): number {
      return senders.length;
    },
    /** The chat as it is, for each of its people, by all the ways there are to ask. */
    isRight: async (): Promise<void> => {
      const expected = users.map((user) => {
        const mark = marks.get(user.toHexString()) ?? 0;
        const unread = senders.filter(
          (sender, index) => index >= mark && sender !== user.toHexString(),
        ).length;
        return { seq: senders.length, rev: senders.length, lastReadSeq: mark, unread };
      });
      const seen = await Promise.all(
        users.map(async (user) => {
          const [state] = await models.chatQueries.states(user.toHexString(), [chat.toHexString()]);
          const { seq = -1, rev = -1, lastReadSeq = -1 } = state ?? {};
          return { seq, rev, lastReadSeq, unread: Math.max(0, seq - lastReadSeq) };
        }),
      );
      expect(seen).toEqual(expected);
      const told = await models.chatQueries.readMarks(chat.toHexString());
      expect(new Map(told.map(({ user, lastReadSeq }) => [user.toHexString(), lastReadSeq]))).toEqual(marks);
    },
    /** What is written, without what the queries add to it. */
    settled: async () => {
      const [document, members] = await Promise.all([
        models.chats.findById(chat.toHexString()),
        models.members.findByChat(chat.toHexString()),
      ]);
      return {
        seq: document?.seq,
        rev: document?.rev,
        marks: new Map(members.map(({ user, lastReadSeq }) => [user.toHexString(), lastReadSeq])),
      };
    },
    expected: () => ({ seq: senders.length, rev: senders.length, marks }),
  };
}

const second = <T>([, it]: readonly T[]): T => it as T;

describe('the settled counters of a chat', () => {
  test('follow the messages, and the senders’ marks go before them', async () => {
    const node = startNode();
    const chat = await startChat(3);
    for (const user of [...chat.users, second(chat.users)]) await chat.says(node, user);
    await chat.isRight();
    expect(await chat.settled()).toMatchObject({ seq: 0, rev: 0 });

    await node.settler.settle();
    expect(await chat.settled()).toEqual(chat.expected());
    const document = await models.chats.findById(chat.chat.toHexString());
    const newest = (await models.messages.before(chat.chat, 1_000, 1))[0];
    expect(document?.lastMessageAt).toEqual(newest?.createdAt);
    await chat.isRight();

    for (const user of chat.users) await chat.says(node, user);
    await chat.isRight();
    await node.settler.close();
    expect(await chat.settled()).toEqual(chat.expected());
  });

  test('one settling serves many chats', async () => {
    const node = startNode();
    const chats = await Promise.all(range(1, 20).map(() => startChat(2)));
    await Promise.all(chats.map((chat) => chat.says(node, second(chat.users))));
    await node.settler.settle();
    for (const chat of chats) expect(await chat.settled()).toEqual(chat.expected());
  });

  test.each(['message', 'reader'] as const)(
    'left behind by a process that died between its two steps, they are repaired by the next %s',
    async (next) => {
      const chat = await startChat(3);
      const [dead, survivor] = [startNode(), startNode()];
      for (const user of chat.users) await chat.says(dead, user);
      dead.diesBetween();
      await dead.settler.settle();
      expect(await chat.settled()).toMatchObject({ seq: 0, rev: 0, marks: chat.expected().marks });
      await chat.isRight();

      if (next === 'message') {
        await chat.says(survivor, second(chat.users));
      } else {
        const [state] = await models.chatQueries.states(second(chat.users).toHexString());
        expect(state?.lagging).toBe(true);
        survivor.settler.repair(chat.chat);
      }
      await chat.isRight();
      await survivor.settler.settle();
      expect(await chat.settled()).toEqual(chat.expected());
      await chat.isRight();
    },
  );

  test('more messages than a repair reads at once are settled all the same', async () => {
    const chat = await startChat(2);
    const [dead, survivor] = [startNode(), startNode()];
    await Promise.all(range(1, 2_300).map((index) => chat.says(dead, chat.users[index % 2] ?? chat.chat)));
    survivor.settler.repair(chat.chat);
    await survivor.settler.settle();
    expect(await chat.settled()).toMatchObject({ seq: 2_300, rev: 2_300 });
    await chat.isRight();
  });

  test('a chat that is gone is no obstacle to the others', async () => {
    const node = startNode();
    const [gone, stays] = [await startChat(2), await startChat(2)];
    await gone.says(node, second(gone.users));
    await stays.says(node, second(stays.users));
    await models.chats.delete(gone.chat.toHexString());
    await node.settler.settle();
    expect(await stays.settled()).toEqual(stays.expected());
  });

  test('two nodes by turns, settling whenever and dying now and then: what is read is right at each moment', async () => {
    const chat = await startChat(4);
    const nodes = [startNode(), startNode()] as const;
    // The same story on every run: a small generator of numbers with a fixed beginning.
    let state = 20_250_101;
    const dice = (sides: number): number => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((state / 2_147_483_648) * sides);
    };
    for (const _ of range(1, 120)) {
      const node = nodes[dice(2)] ?? nodes[0];
      const user = chat.users[dice(4)] ?? chat.chat;
      const what = dice(10);
      if (what < 5) await chat.says(node, user);
      else if (what < 7) await chat.reads(user, dice(chat.length + 1));
      else if (what === 7) node.diesBetween();
      // Nobody's unread may be wrong while the marks are written and the counters move.
      const settling = what > 7 ? node.settler.settle() : Promise.resolve();
      await chat.isRight();
      await settling;
      if (what > 7) await chat.isRight();
    }
    for (const node of [...nodes, ...nodes]) {
      node.settler.repair(chat.chat);
      await node.settler.settle();
    }
    expect(await chat.settled()).toEqual(chat.expected());
    await chat.isRight();
  });
});
