import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ChatView, MessageView, OwnUser } from '../../src/contract/views.js';
import { badValues, canary, fieldsOf, type Kind } from '../support/bad-values.js';
import { deploy, type Deployment } from '../support/deployment.js';
import { bothDoors, byRest, bySocket, capabilities, type Ask, type Capability } from '../support/doors.js';
import { rest, scene, type Ear, type Envelope, type Person } from '../support/scene.js';

let deployment: Deployment;
let stage: ReturnType<typeof scene>;
let ann: Person;
let bob: Person;
let group: ChatView;
let annHere: Ear;
let before: unknown;

/** All that could be changed. */
async function state(): Promise<unknown> {
  const paths = ['/api/chats', `/api/chats/${group._id}`, `/api/messages/${group._id}`];
  return Promise.all(paths.map(async (path) => (await ann.rest('GET', path)).body.data));
}

beforeAll(async () => {
  deployment = await deploy('one process');
  stage = scene(deployment.here);
  ({ ann, bob } = await stage.people('ann', 'bob'));
  annHere = await ann.connects();
  await annHere.hears('presence:update');
  group = await stage.group(ann, [bob]);
  await bob.sends(group._id, 'a message');
  before = await state();
});
afterAll(async () => {
  stage.close();
  await deployment.close();
});

/** Right in all fields, and yet without effect where it is spoilt in one. */
function rightInput(capability: Capability): Record<string, unknown> {
  const own = {
    send: { content: 'words' },
    read: { seq: 0 },
    delivered: { seq: 0 },
    createChat: { users: [bob.id], chatName: 'Another' },
    addMembers: { users: [bob.id] },
    removeMember: { userId: bob.id },
    setRole: { userId: bob.id, role: 'admin' },
    searchUsers: { search: 'bob' },
    getUser: { id: bob.id },
    updateProfile: { bio: '' },
    setStatus: { status: 'online' },
  } as Partial<Record<Capability, Record<string, unknown>>>;
  return { ...('chatId' in fieldsOf[capability] ? { chatId: group._id } : {}), ...own[capability] };
}

/** By what means a value can't travel: a path has no empty part, a query has text only. */
function travels(capability: Capability, { field, value }: { field: string; value: unknown }): boolean {
  const [method, path] = bothDoors[capability];
  const text = typeof value === 'string';
  if (path.includes(`:${field}`)) return !text || (value !== '' && value.isWellFormed());
  if (method !== 'get') return true;
  return text ? value.isWellFormed() : !['search', 'cursor'].includes(field);
}

describe.each(['rest', 'socket'] as const)('what is wrong in a field, by %s', (door) => {
  const ask: Ask = (...call) =>
    (door === 'rest' ? byRest(ann, deployment.here.url) : bySocket(annHere))(...call);

  test.each(capabilities)('%s names the field and never repeats the value', async (capability) => {
    for (const [field, kind] of Object.entries(fieldsOf[capability])) {
      const values: readonly unknown[] = badValues[kind.replace('?', '') as Kind];
      const missing = kind.endsWith('?') ? [] : [null, undefined];
      const bad = [...values, ...missing].filter(
        (value) => door === 'socket' || travels(capability, { field, value }),
      );
      const answers = await Promise.all(
        bad.map((value) => ask(capability, { ...rightInput(capability), [field]: value })),
      );
      const sent = bad.map((value) => `${field}: ${JSON.stringify(value)?.slice(0, 60)}`);
      expect(
        answers.map(({ status, body }, index) => [
          ...[sent[index], status, body.error?.code],
          body.error?.details?.map((detail) => detail.field).join(),
        ]),
      ).toEqual(sent.map((text) => [text, door === 'rest' ? 422 : null, 'VALIDATION_FAILED', field]));
      expect(JSON.stringify(answers)).not.toContain(canary);
    }
  });

  test('several wrong fields are told at once', async () => {
    const { body } = await ask('send', {
      chatId: 'x',
      content: '',
      clientMessageId: 1,
      replyTo: [],
      mentions: {},
    });
    expect(body.error.details?.map(({ field }) => field).sort()).toEqual(Object.keys(fieldsOf.send).sort());
  });

  test('fields that exclude or need each other', async () => {
    const { _id: chatId } = group;
    for (const [capability, input] of [
      ['history', { chatId, before: 2, after: 1 }],
      ['history', { chatId, after: 1, around: 1 }],
      ['createChat', {}],
      ['createChat', { userId: bob.id, users: [bob.id], chatName: 'Both' }],
      ['createChat', { users: [bob.id] }],
      ['updateChat', { chatId }],
      ['updateProfile', {}],
      ['updateProfile', { email: 'other@example.org', role: 'admin' }],
    ] as const) {
      const { body } = await ask(capability, input);
      expect([capability, body.error?.code]).toEqual([capability, 'VALIDATION_FAILED']);
      expect(body.error.details).toHaveLength(1);
    }
  });

  test('and nothing has changed', async () => {
    expect(({} as { polluted?: string }).polluted).toBeUndefined();
    expect(await state()).toEqual(before);
  });
});

test('fields that nobody asked for have no effect', async () => {
  const smuggled = { _id: bob.id, seq: 99, rev: 99, sender: bob.id, messageType: 'system', isDeleted: true };
  const chat = await stage.direct(ann, bob);
  const sent = await ann.rest<MessageView>('POST', '/api/messages', {
    ...{ ...smuggled, chatId: chat._id, content: 'mine', createdAt: '2001-01-01T00:00:00Z' },
  });
  expect(sent.body.data).toMatchObject({ seq: 1, rev: 1, messageType: 'text', isDeleted: false });
  expect(sent.body.data.sender.id).toBe(ann.id);
  expect(Date.parse(sent.body.data.createdAt)).toBeGreaterThan(Date.parse('2020-01-01'));
  const input = { username: 'Smuggler', email: 'smuggler@example.org', password: 'a long enough secret' };
  const smuggler = await rest<{ user: OwnUser }>(deployment.here.url, 'POST', '/api/auth/register', {
    body: { ...input, role: 'admin', isVerified: true, mfaEnabled: true, _id: ann.id, passwordHash: 'x' },
  });
  expect(smuggler.status).toBe(201);
  expect(smuggler.body.data.user).toMatchObject({ isVerified: false, mfaEnabled: false });
  expect(smuggler.body.data.user.id).not.toBe(ann.id);
  const { connection } = await deployment.database();
  expect(await connection.collection('users').countDocuments({ role: { $ne: 'user' } })).toBe(0);
});

describe('accounts', () => {
  const right = { username: 'nobody', email: 'nobody@example.org', password: `${canary} good enough` };
  const notText = [true, 7, 1.5, [], {}, [canary], { $ne: canary }, { $gt: '' }, null];
  const bad: Record<string, unknown[]> = {
    username: [...notText, '', 'ab', 'a'.repeat(31), 'with blank', 'ümlaut', 'a/b', 'nul\0', `${canary}\n`],
    email: [...notText, '', canary, 'a@b', '@b.co', 'a@.co', 'a b@c.de', 'a@b@c.de', 'a@b.co\0', 'a,b@c.de'],
    password: [...notText, '', '7 chars', 'x'.repeat(129), '👋'.repeat(129), canary.repeat(10_000)],
    firstName: [...notText.slice(0, -1), '', ' ', 'n'.repeat(51), '\0'],
    lastName: [...notText.slice(0, -1), '', ' ', 'n'.repeat(51), '\0'],
  };
  const post = (path: string, body: unknown) => rest(deployment.here.url, 'POST', path, { body });

  test.each(Object.keys(bad))('register refuses a wrong %s', async (field) => {
    for (const value of bad[field] ?? []) {
      const { status, body } = await post('/api/auth/register', { ...right, [field]: value });
      expect([value, status, body.error?.details?.map((d) => d.field)]).toEqual([value, 422, [field]]);
      expect(JSON.stringify(body)).not.toContain(canary);
    }
  });

  test.each([
    { email: { $ne: '' }, password: { $ne: '' } },
    { email: { $gt: '' }, password: right.password },
    { username: { $regex: '.*' }, password: right.password },
    { username: ['ann'], password: right.password },
    { username: 'ann', password: { $ne: '' } },
    { username: 'ann', password: [right.password] },
    { username: 'ann', password: null },
    { password: right.password },
    { email: 'no address', password: right.password },
  ])('login takes no %j', async (body) => {
    const answer = await post('/api/auth/login', body);
    expect([answer.status, answer.body.error?.code]).toEqual([422, 'VALIDATION_FAILED']);
    expect(JSON.stringify(answer.body)).not.toContain(canary);
  });
});

describe('a request that is odd as a whole', () => {
  const raw = async (
    path: string,
    {
      method = 'POST',
      body,
      headers = {},
    }: { method?: string; body?: string | Buffer; headers?: object } = {},
  ): Promise<[number, string | undefined]> => {
    const response = await fetch(`${deployment.here.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${ann.token}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body }),
    });
    const answer = (await response.json()) as Envelope<unknown>;
    expect(answer.success).toBe(response.ok);
    return [response.status, answer.error?.code];
  };
  const words = (text: string) => JSON.stringify({ chatId: group._id, content: text });

  test.each(['{', '{"chatId":', "{'a':1}", '{"a":1}}', '\0', 'undefined', '{"content":"\n"}'])(
    'a body that is not JSON, %j, is 400',
    async (body) => expect(await raw('/api/messages', { body })).toEqual([400, 'MALFORMED_JSON']),
  );

  test.each(['null', '7', '"text"', 'true', '[]', '[{"chatId":"x"}]', '{}', ''])(
    'JSON that is no such input, %j, is 422',
    async (body) => expect(await raw('/api/messages', { body })).toEqual([422, 'VALIDATION_FAILED']),
  );

  test('too much is 413, also when it comes compressed', async () => {
    const { gzipSync } = await import('node:zlib');
    const huge = words('x'.repeat(600_000));
    expect(await raw('/api/messages', { body: huge })).toEqual([413, 'TOO_LARGE']);
    const headers = { 'content-encoding': 'gzip' };
    expect(await raw('/api/messages', { body: gzipSync(huge), headers })).toEqual([413, 'TOO_LARGE']);
  });

  test.each([
    { 'content-type': 'application/json; charset=koi8-r' },
    { 'content-encoding': 'snappy' },
    { 'content-type': 'application/xml' },
    { 'content-type': 'text/plain' },
  ])('a body of the wrong type, %j, is 415', async (headers) => {
    expect(await raw('/api/messages', { body: words('hello'), headers })).toEqual([415, 'UNSUPPORTED_TYPE']);
  });

  test('nesting without end is read and refused', async () => {
    const deep = `{"chatId":${'['.repeat(100_000)}${']'.repeat(100_000)},"content":"x"}`;
    expect(await raw('/api/messages', { body: deep })).toEqual([422, 'VALIDATION_FAILED']);
  });

  test.each([
    ['/api/chats/%E0%A4%A', 400],
    ['/api/chats/%00', 422],
    ['/api/chats/..%2f..%2fetc%2fpasswd', 422],
    ['/api/chats/constructor', 422],
    ['/api/chats?limit=1&limit=2', 422],
    ['/api/chats?limit[$gt]=1', 200],
    ['/api/users?search[$ne]=x', 422],
    ['/api/users?search=%ff', 200],
    ['/api/users?search=%24where', 200],
    ['/api/users?search=%22%22%22', 200],
    ['/api/users?__proto__=x&search=-x', 200],
    ['/api/__proto__', 404],
    ['/api//chats', 404],
  ])('GET %s is %d', async (path, status) => {
    expect((await raw(path, { method: 'GET' }))[0]).toBe(status);
  });
});
