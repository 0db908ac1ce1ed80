import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import jwt from 'jsonwebtoken';
import type { ChatView, MemberRole } from '../../src/contract/views.js';
import { deploy, type Deployment } from '../support/deployment.js';
import {
  bothDoors,
  byRest,
  bySocket,
  capabilities,
  routeOf,
  withoutRequestId,
  type Ask,
  type Capability,
} from '../support/doors.js';
import { connect, rest, scene, type Ear, type Person } from '../support/scene.js';

const secrets = {
  ACCESS_TOKEN_SECRET: 'p3Q9vX7mZr2Lk8Tn5Wc1Yb6Hd4Gs0Jf-access',
  REFRESH_TOKEN_SECRET: 'h8Rt2Kx6Vn4Mq9Bz1Cw7Ls3Dy5Pf0Gj-refresh',
};

/** What can be asked of a chat, rightly formed. `userId`: a member of it. */
const ofAChat: [Capability, (chatId: string, userId: string) => Record<string, unknown>][] = [
  ['send', (chatId) => ({ chatId, content: 'let me in' })],
  ['history', (chatId) => ({ chatId })],
  ['changes', (chatId) => ({ chatId })],
  ['read', (chatId) => ({ chatId, seq: 1 })],
  ['delivered', (chatId) => ({ chatId, seq: 1 })],
  ['getChat', (chatId) => ({ chatId })],
  ['updateChat', (chatId) => ({ chatId, chatName: 'Mine' })],
  ['deleteChat', (chatId) => ({ chatId })],
  ['switchChat', (chatId) => ({ chatId, muted: true })],
  ['addMembers', (chatId, userId) => ({ chatId, users: [userId] })],
  ['removeMember', (chatId, userId) => ({ chatId, userId })],
  ['setRole', (chatId, userId) => ({ chatId, userId, role: 'admin' })],
];
const socketOnly = ['chat:join', 'chat:leave', 'typing:start', 'typing:stop'];
const noChat = '0123456789abcdef01234567';

let deployment: Deployment;
beforeAll(async () => {
  deployment = await deploy('two nodes', { env: secrets });
});
afterAll(() => deployment.close());

describe('who is not in a chat', () => {
  let stage: ReturnType<typeof scene>;
  let ann: Person;
  let bob: Person;
  let chat: ChatView;
  let annHere: Ear;

  beforeEach(async () => {
    stage = scene(deployment.here);
    ({ ann, bob } = await stage.people('ann', 'bob'));
    chat = await stage.group(ann, [bob]);
    await ann.sends(chat._id, 'between us');
    annHere = await ann.connects();
  });
  afterEach(() => stage.close());

  /** All that could be changed, as the owner sees it. */
  const state = async (): Promise<unknown[]> => {
    const seen = [`/api/chats/${chat._id}`, `/api/messages/${chat._id}`, `/api/chats/${chat._id}/changes`];
    return Promise.all(seen.map(async (path) => (await ann.rest('GET', path)).body.data));
  };

  const outsiders = {
    'a stranger': () => stage.person('eve'),
    'one who was removed': async () => {
      const eve = await stage.person('eve');
      await ann.rest('POST', `/api/chats/${chat._id}/members`, { users: [eve.id] });
      await annHere.hears('member:joined');
      await ann.rest('DELETE', `/api/chats/${chat._id}/members/${eve.id}`);
      await annHere.hears('member:left');
      await annHere.hears('message:new', ({ message }) => message.content.text === 'ann removed eve');
      return eve;
    },
  };

  describe.each(Object.entries(outsiders))('%s', (_who, arrives) => {
    test.each(['rest', 'socket'] as const)(
      'is told by %s what is told of a chat that never was; nothing changes, nobody hears',
      async (door) => {
        const eve = await arrives();
        const eveThere = await eve.connects(deployment.there.url);
        const ask: Ask = door === 'rest' ? byRest(eve, deployment.there.url) : bySocket(eveThere);
        const before = await state();
        const heardBefore = annHere.heardSoFar.length;

        for (const [capability, input] of ofAChat) {
          const denied = await ask(capability, input(chat._id, bob.id));
          const absent = await ask(capability, input(noChat, bob.id));
          expect([capability, denied.status]).toEqual([capability, door === 'rest' ? 404 : null]);
          expect(denied.body.error.code).toBe('NOT_FOUND');
          expect(withoutRequestId(denied.body)).toEqual(withoutRequestId(absent.body));
        }
        for (const event of door === 'socket' ? socketOnly : []) {
          const denied = await eveThere.asks(event, { chatId: chat._id });
          const absent = await eveThere.asks(event, { chatId: noChat });
          expect([event, denied.error.code]).toEqual([event, 'NOT_FOUND']);
          expect(withoutRequestId(denied)).toEqual(withoutRequestId(absent));
        }
        expect((await ask('listChats', {})).body.data).toMatchObject({ chats: [] });
        expect((await ask('sync', { chats: { [chat._id]: 0, [noChat]: 0 } })).body.data).toMatchObject({
          ...{ chats: [], state: [], gone: [chat._id, noChat] },
        });

        expect(await state()).toEqual(before);
        // Whatever had been told to Ann would have come before this.
        await bob.sends(chat._id, 'all quiet');
        await annHere.hears('message:new', ({ message }) => message.content.text === 'all quiet');
        const heard = annHere.heardSoFar.slice(heardBefore).map(({ event }) => event);
        expect(heard.filter((event) => event !== 'presence:update')).toEqual(['message:new']);
      },
    );

    test('can’t reach its messages from a chat of his own', async () => {
      const eve = await arrives();
      const own = await stage.group(eve, [bob]);
      const [secret] = (
        await ann.rest<{ messages: { _id: string }[] }>('GET', `/api/messages/${chat._id}?limit=1`)
      ).body.data.messages;
      const ask = byRest(eve, deployment.here.url);
      for (const [capability, input, status] of [
        ['send', (id?: string) => ({ chatId: own._id, content: 'a quote', replyTo: id }), 422],
        ['history', (id?: string) => ({ chatId: own._id, before: id }), 404],
        ['history', (id?: string) => ({ chatId: own._id, after: id }), 404],
        ['history', (id?: string) => ({ chatId: own._id, around: id }), 404],
      ] as const) {
        const denied = await ask(capability, input(secret?._id));
        expect(denied.status).toBe(status);
        expect(withoutRequestId(denied.body)).toEqual(
          withoutRequestId((await ask(capability, input(noChat))).body),
        );
      }
    });
  });

  test('one who is removed while connected to the other node hears nothing more of the chat', async () => {
    const [eve, cyd] = [await stage.person('eve'), await stage.person('cyd')];
    await ann.rest('POST', `/api/chats/${chat._id}/members`, { users: [eve.id] });
    const eveThere = await eve.connects(deployment.there.url);
    expect((await ann.rest('DELETE', `/api/chats/${chat._id}/members/${eve.id}`)).status).toBe(200);
    await eveThere.hears('chat:removed');
    const heardBefore = eveThere.heardSoFar.length;

    await ann.sends(chat._id, 'eve is gone');
    await annHere.asks('typing:start', { chatId: chat._id });
    await annHere.asks('message:read', { chatId: chat._id, seq: 2 });
    await annHere.asks('message:delivered', { chatId: chat._id, seq: 2 });
    await annHere.asks('chat:update', { chatId: chat._id, chatName: 'Without Eve' });
    await annHere.asks('member:add', { chatId: chat._id, users: [cyd.id] });
    await annHere.asks('member:role', { chatId: chat._id, userId: cyd.id, role: 'admin' });
    await annHere.asks('member:remove', { chatId: chat._id, userId: cyd.id });
    await annHere.hears('member:left', ({ userId }) => userId === cyd.id);
    // All of that would come before this.
    const other = await stage.direct(ann, eve);
    await eveThere.hears('chat:new', ({ chat: heard }) => heard._id === other._id);
    expect(eveThere.heardSoFar.slice(heardBefore).map(({ event }) => event)).toEqual(['chat:new']);
  });
});

describe('who is not signed in', () => {
  test.each(capabilities)('%s answers 401, whatever is asked', async (capability) => {
    const { url } = deployment.here;
    for (const input of [{}, { chatId: noChat, userId: noChat, id: noChat }]) {
      const { method, path, body } = routeOf(capability, input);
      for (const headers of [{}, { authorization: 'Bearer nonsense' }, { cookie: 'accessToken=nonsense' }]) {
        const answer = await rest(url, method, path, { headers, ...(body === undefined ? {} : { body }) });
        expect([bothDoors[capability][1], answer.status]).toEqual([bothDoors[capability][1], 401]);
        expect(answer.body).toMatchObject({ success: false, error: { code: 'UNAUTHENTICATED' } });
      }
    }
  });

  test('a handshake says why it is refused', async () => {
    const stage = scene(deployment.here);
    const ann = await stage.person('ann');
    const refused = async (auth: object): Promise<unknown> =>
      connect(deployment.there.url, { auth }).then(
        () => 'admitted',
        (error: Error & { data?: { code?: string } }) => error.data?.code,
      );
    const { iat, exp, ...claims } = jwt.decode(ann.token) as jwt.JwtPayload;
    expect(exp).toBeGreaterThan(iat ?? Infinity);
    const expired = jwt.sign({ ...claims, exp: 1_700_000_000 }, secrets.ACCESS_TOKEN_SECRET);

    expect(await refused({})).toBe('UNAUTHENTICATED');
    expect(await refused({ token: '' })).toBe('UNAUTHENTICATED');
    expect(await refused({ token: 'nonsense' })).toBe('UNAUTHENTICATED');
    expect(await refused({ token: { $ne: '' } })).toBe('UNAUTHENTICATED');
    expect(await refused({ token: [ann.token] })).toBe('UNAUTHENTICATED');
    expect(await refused({ token: 'x'.repeat(100_000) })).toBe('UNAUTHENTICATED');
    expect(await refused({ token: expired })).toBe('TOKEN_EXPIRED');
    expect(await refused({ token: ann.token })).toBe('admitted');
    await ann.rest('POST', '/api/auth/logout');
    expect(await refused({ token: ann.token })).toBe('SESSION_REVOKED');
  });
});

/** Who may do what to whom; the rest is refused with 403. */
const roleRules: [MemberRole, Capability, object, whom: MemberRole | null, allowed: boolean][] = [
  ['member', 'updateChat', { chatName: 'New' }, null, false],
  ['admin', 'updateChat', { chatName: 'New' }, null, true],
  ['owner', 'updateChat', { description: 'New' }, null, true],
  ['member', 'addMembers', {}, null, false],
  ['admin', 'addMembers', {}, null, true],
  ['owner', 'addMembers', {}, null, true],
  ['member', 'deleteChat', {}, null, false],
  ['admin', 'deleteChat', {}, null, false],
  ['owner', 'deleteChat', {}, null, true],
  ['member', 'removeMember', {}, 'member', false],
  ['member', 'removeMember', {}, 'admin', false],
  ['admin', 'removeMember', {}, 'member', true],
  ['admin', 'removeMember', {}, 'admin', false],
  ['admin', 'removeMember', {}, 'owner', false],
  ['owner', 'removeMember', {}, 'member', true],
  ['owner', 'removeMember', {}, 'admin', true],
  ['member', 'setRole', { role: 'admin' }, 'member', false],
  ['admin', 'setRole', { role: 'admin' }, 'member', true],
  ['admin', 'setRole', { role: 'member' }, 'admin', false],
  ['admin', 'setRole', { role: 'owner' }, 'member', false],
  ['admin', 'setRole', { role: 'member' }, 'owner', false],
  ['owner', 'setRole', { role: 'admin' }, 'member', true],
  ['owner', 'setRole', { role: 'member' }, 'admin', true],
  ['owner', 'setRole', { role: 'owner' }, 'member', true],
  ['owner', 'setRole', { role: 'member' }, 'owner', false],
];

describe('roles', () => {
  let people: Record<'ann' | 'bob' | 'ben' | 'cyd' | 'dan' | 'new', Person>;
  const stageOf = () => scene(deployment.here);
  beforeAll(async () => {
    people = await stageOf().people('ann', 'bob', 'ben', 'cyd', 'dan', 'new');
  });

  test.each(roleRules)('%s: %s %j on %s → %s', async (role, capability, input, whom, allowed) => {
    const { ann, bob, ben, cyd, dan } = people;
    const chat = await stageOf().group(ann, [bob, ben, cyd, dan]);
    for (const admin of [bob, ben]) {
      await ann.rest('PATCH', `/api/chats/${chat._id}/members/${admin.id}`, { role: 'admin' });
    }
    const actor = { owner: ann, admin: bob, member: cyd }[role];
    const target = whom === null ? undefined : { owner: ann, admin: ben, member: dan }[whom];
    const ask = byRest(actor, deployment.there.url);
    const extra = capability === 'addMembers' ? { users: [people.new.id] } : {};
    const before = (await ann.rest<ChatView>('GET', `/api/chats/${chat._id}`)).body.data;

    const answer = await ask(capability, { chatId: chat._id, userId: target?.id, ...input, ...extra });

    expect([answer.status, answer.body.error?.code]).toEqual(allowed ? [200, undefined] : [403, 'FORBIDDEN']);
    const after = await ann.rest<ChatView>('GET', `/api/chats/${chat._id}`);
    if (!allowed) expect(after.body.data).toEqual(before);
  });

  test('there is one owner, and who hands over stays an admin', async () => {
    const { ann, bob, cyd } = people;
    const chat = await stageOf().group(ann, [bob, cyd]);
    await ann.rest('PATCH', `/api/chats/${chat._id}/members/${cyd.id}`, { role: 'owner' });
    const { groupAdmin, admins } = (await cyd.rest<ChatView>('GET', `/api/chats/${chat._id}`)).body.data;
    expect({ groupAdmin, admins: admins.sort() }).toEqual({
      ...{ groupAdmin: cyd.id, admins: [ann.id, cyd.id].sort() },
    });
  });

  test('a direct chat has its two people for good', async () => {
    const { ann, bob, cyd } = people;
    const chat = await stageOf().direct(ann, bob);
    const ask = byRest(ann, deployment.here.url);
    for (const [capability, input] of [
      ['addMembers', { users: [cyd.id] }],
      ['removeMember', { userId: bob.id }],
      ['removeMember', { userId: ann.id }],
      ['setRole', { userId: bob.id, role: 'admin' }],
      ['updateChat', { chatName: 'Ours' }],
      ['deleteChat', {}],
    ] as const) {
      const { status } = await ask(capability, { chatId: chat._id, ...input });
      expect([capability, status]).toEqual([capability, 409]);
    }
    expect((await ann.rest<ChatView>('GET', `/api/chats/${chat._id}`)).body.data).toEqual(chat);
  });
});
