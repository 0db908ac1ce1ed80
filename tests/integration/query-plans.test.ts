import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { MongoConnection } from '../../src/platform/mongo/connect.js';
import type { ChatView } from '../../src/contract/views.js';
import { createChatQueries } from '../../src/models/chat.queries.js';
import { deploy, type Deployment } from '../support/deployment.js';
import { eventually } from '../support/eventually.js';
import { startMongoProxy, type Command, type MongoProxy } from '../support/mongo-proxy.js';
import { scene, type Person } from '../support/scene.js';

let proxy: MongoProxy;
let deployment: Deployment;
let mongo: MongoConnection;
let stage: ReturnType<typeof scene>;

beforeAll(async () => {
  deployment = await deploy('one process', {
    mongoUri: async (real) => {
      proxy = await startMongoProxy(real);
      return proxy.uri;
    },
  });
  mongo = await deployment.database();
  stage = scene(deployment.here);
});
afterAll(async () => {
  await deployment.close();
  await proxy.close();
});

/** What a command asks, in short: `aggregate memberships`. */
const nameOf = (command: Command): string => Object.entries(command)[0]?.join(' ') ?? '';

/** Neither the server's own chores nor the look-ups that begin a session. */
const ofOthers = (command: Command): boolean => / (nodes|sessions)$/.test(nameOf(command));

/** The commands that one request costs, once the caches know who asks and nothing is settled beside it. */
async function commandsOf(person: Person, path: string): Promise<Command[]> {
  let last: Command[] = [];
  return eventually(async () => {
    proxy.taken();
    expect((await person.rest('GET', path)).status).toBe(200);
    const before = last;
    last = proxy.taken().filter((command) => !ofOthers(command));
    expect(last.map(nameOf)).toEqual(before.map(nameOf));
    expect(last.length).toBeGreaterThan(0);
    return last;
  });
}

type Plan = Record<string, unknown>;

/** Plans that were weighed and not taken. */
const NOT_TAKEN = new Set(['rejectedPlans', 'allPlansExecution']);

/** Every object of a plan, however deep: engines nest their stages differently. */
function* partsOf(plan: unknown): Iterable<Plan> {
  if (typeof plan !== 'object' || plan === null) return;
  if (!Array.isArray(plan)) yield plan as Plan;
  for (const [name, part] of Object.entries(plan)) if (!NOT_TAKEN.has(name)) yield* partsOf(part);
}

const OF_THE_SESSION = new Set(['$db', 'lsid', '$clusterTime', 'txnNumber', 'writeConcern']);

/** Lets the database explain a command just as the server sent it. */
async function explain(sent: Command): Promise<Plan> {
  const command = Object.fromEntries(Object.entries(sent).filter(([name]) => !OF_THE_SESSION.has(name)));
  const { db } = mongo.connection;
  if (db === undefined) throw new Error('not connected');
  return db.command({ explain: command, verbosity: 'executionStats' });
}

/** No collection is read from one end to the other, in whatever words the engine says it. */
function expectIndexed(plan: Plan): void {
  const parts = [...partsOf(plan)];
  expect(parts.filter(({ stage: name }) => name === 'COLLSCAN')).toEqual([]);
  expect(parts.filter(({ collectionScans: scans }) => Number(scans ?? 0) > 0)).toEqual([]);
  expect(parts.filter(({ strategy }) => strategy === 'NestedLoopJoin' || strategy === 'HashJoin')).toEqual(
    [],
  );
}

/** Names of the indexes in use, each once. */
function indexesOf(plan: Plan): string[] {
  const names = [...partsOf(plan)].flatMap((part) => [
    ...(part.stage === 'IXSCAN' ? [String(part.indexName)] : []),
    ...(Array.isArray(part.indexesUsed) ? part.indexesUsed.map(String) : []),
  ]);
  return [...new Set(names)].sort();
}

/** Documents that were read, all together. */
function examined(plans: readonly Plan[]): number {
  const counts = plans.flatMap((plan) =>
    [...partsOf(plan)].map((part) => Number(part.totalDocsExamined ?? 0)),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

async function chatsOf(person: Person, count: number, others: readonly Person[]): Promise<ChatView[]> {
  const chats: ChatView[] = [];
  for (let i = 0; i < count; i += 1) {
    const chat = await stage.group(person, [...others], `group ${i}`);
    await others[i % others.length]?.sends(chat._id, `hello from ${i}`);
    chats.push(chat);
  }
  return chats;
}

describe('the chat list', () => {
  test('is one aggregation, however many chats there are', async () => {
    const { ann, bob, cyd } = await stage.people('ann', 'bob', 'cyd');
    await chatsOf(ann, 3, [bob, cyd]);
    const few = await commandsOf(ann, '/api/chats?limit=100');
    await chatsOf(ann, 27, [bob, cyd]);
    const many = await commandsOf(ann, '/api/chats?limit=100');
    const { chats } = (await ann.rest<{ chats: ChatView[] }>('GET', '/api/chats?limit=100')).body.data;
    expect(chats).toHaveLength(30);
    expect(chats.every(({ latestMessage, users }) => latestMessage !== null && users.length === 3)).toBe(
      true,
    );
    expect(few.map(nameOf)).toEqual(['aggregate memberships']);
    expect(many.map(nameOf)).toEqual(['aggregate memberships']);
  });

  test('scans no collection: every stage goes by an index', async () => {
    const { ann, bob } = await stage.people('ann', 'bob');
    await chatsOf(ann, 5, [bob]);
    // Much that is none of hers, which a scan would have to read.
    const { cyd, dee } = await stage.people('cyd', 'dee');
    for (const chat of await chatsOf(cyd, 5, [dee])) {
      for (let i = 0; i < 10; i += 1) await cyd.sends(chat._id, `message ${i}`);
    }
    const pipeline = createChatQueries(mongo.connection).pagePipeline(ann.id, {
      skip: 0,
      limit: 21,
      shown: 100,
    });
    const [sent] = await commandsOf(ann, '/api/chats');
    expect(JSON.parse(JSON.stringify(sent?.pipeline))).toEqual(JSON.parse(JSON.stringify(pipeline)));

    const plan = await explain(sent ?? {});
    expectIndexed(plan);
    expect(indexesOf(plan)).toEqual([
      '_id_',
      'chat_1_rev_1',
      'chat_1_seq_1',
      'chat_1_user_1',
      'user_1_chat_1',
    ]);
  });
});

describe('the messages of a chat of 2,000', () => {
  let ann: Person;
  let chatId: string;
  beforeAll(async () => {
    const people = await stage.people('ann', 'bob');
    ann = people.ann;
    chatId = (await stage.direct(ann, people.bob))._id;
    const { Types } = mongo.connection.base;
    const [chat, sender] = [new Types.ObjectId(chatId), new Types.ObjectId(people.bob.id)];
    const start = Date.UTC(2024, 0, 1);
    const messages = Array.from({ length: 2_000 }, (_, index) => ({
      ...{ chat, sender, seq: index + 1, rev: index + 1, messageType: 'text', content: { text: `${index}` } },
      createdAt: new Date(start + index * 1_000),
    }));
    await mongo.connection.collection('messages').insertMany(messages);
    const settled = { seq: 2_000, rev: 2_000, lastMessageAt: new Date(start + 2_000_000) };
    await mongo.connection.collection('chats').updateOne({ _id: chat }, { $set: settled });
  });

  test.each([
    ['the newest page', 'limit=20', 1],
    ['what was before', 'limit=20&before=1000', 1],
    ['what came after', 'limit=20&after=1000', 1],
    ['what lies around', 'limit=20&around=1000', 2],
    ['what was before a date', 'limit=20&before=2024-01-01T00:16:40Z', 2],
    ['what was at the very beginning', 'limit=20&before=21', 1],
  ])('%s: each read one index scan that reads no more than it answers', async (_what, query, reads) => {
    const commands = await commandsOf(ann, `/api/messages/${chatId}?${query}`);
    const plans = [];
    for (const command of commands) plans.push(await explain(command));
    for (const plan of plans) expectIndexed(plan);
    const finds = plans.filter((_, index) => nameOf(commands[index] ?? {}) === 'find messages');
    expect(finds).toHaveLength(reads);
    expect(examined(plans)).toBeLessThanOrEqual(21 + 1 + 3);
    for (const index of finds.flatMap(indexesOf)) expect(index).toMatch(/^chat_1_(seq|createdAt)_-?1$/);
    // Beside the messages the chat's read marks, and nothing per message.
    expect(commands.length).toBeLessThanOrEqual(reads + 1);
  });

  test('changes since a rev', async () => {
    const commands = await commandsOf(ann, `/api/chats/${chatId}/changes?since=1900&limit=20`);
    const plans = [];
    for (const command of commands) plans.push(await explain(command));
    for (const plan of plans) expectIndexed(plan);
    expect(plans.flatMap(indexesOf)).toContain('chat_1_rev_1');
    expect(examined(plans)).toBeLessThanOrEqual(21 + 3);
  });

  test('sync of what is known reads what is new, whatever the length of the history', async () => {
    proxy.taken();
    const answer = await ann.rest('POST', '/api/sync', { chats: { [chatId]: 1_990 } });
    expect(answer.body.data).toMatchObject({ chats: [{ messages: { length: 10 } }] });
    const commands = proxy.taken().filter((command) => nameOf(command) === 'find messages');
    expect(commands).toHaveLength(1);
    const plan = await explain(commands[0] ?? {});
    expectIndexed(plan);
    expect(examined([plan])).toBeLessThanOrEqual(10);
  });
});
