import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ChatView, MessageView } from '../../src/contract/views.js';
import type { Action } from '../../src/platform/actions/action.js';
import type { Actions } from '../../src/controllers/index.js';
import { apiRoutes } from '../../src/routes/index.js';
import { socketEvents } from '../../src/sockets/index.js';
import type { SessionActions } from '../../src/sockets/session.socket.js';
import { deploy, deploymentKinds, type Deployment } from '../support/deployment.js';
import { bothDoors, byRest, bySocket, capabilities, type Ask, type Capability } from '../support/doors.js';
import { scene, type Ear, type Person } from '../support/scene.js';

type Stage = {
  ann: Person;
  bob: Person;
  cyd: Person;
  dee: Person;
  direct: ChatView;
  group: ChatView;
  /** Bob's, in the group. */
  said: MessageView[];
};

/** What Ann asks, in this order, through one door and then, in an equal scene, through the other. */
const story: [title: string, Capability, (stage: Stage) => Record<string, unknown>][] = [
  // Before she sends: that would move both marks, a moment later.
  ['marks as read', 'read', ({ group }) => ({ chatId: group._id, seq: 2 })],
  ['marks as delivered', 'delivered', ({ group }) => ({ chatId: group._id, seq: 3 })],
  ['sends', 'send', ({ direct }) => ({ chatId: direct._id, content: 'hello' })],
  [
    'sends all there is to say',
    'send',
    ({ group, said, bob }) => ({
      chatId: group._id,
      content: { text: 'an answer' },
      replyTo: said[1]?._id,
      mentions: [bob.id],
      clientMessageId: 'f47ac10b-58cc-4372-a567-0e02b2c3d479',
    }),
  ],
  [
    'sends it again',
    'send',
    ({ group }) => ({
      chatId: group._id,
      content: 'an answer',
      clientMessageId: 'f47ac10b-58cc-4372-a567-0e02b2c3d479',
    }),
  ],
  ['sends nothing', 'send', ({ group }) => ({ chatId: group._id, content: ' ' })],
  ['reads back', 'history', ({ group }) => ({ chatId: group._id })],
  ['reads a page', 'history', ({ group }) => ({ chatId: group._id, before: 3, limit: 1 })],
  ['asks for an impossible page', 'history', ({ group }) => ({ chatId: group._id, limit: 101 })],
  ['asks what changed', 'changes', ({ group }) => ({ chatId: group._id, since: 1, limit: 1 })],
  ['syncs all', 'sync', () => ({})],
  [
    'syncs what is known',
    'sync',
    ({ group, direct }) => ({
      chats: { [group._id]: 2, [direct._id]: 1, [direct._id.replace(/./g, 'a')]: 1 },
    }),
  ],
  ['opens the chat with Bob', 'createChat', ({ bob }) => ({ userId: bob.id })],
  ['opens a chat with Cyd', 'createChat', ({ cyd }) => ({ userId: cyd.id })],
  ['opens a chat with herself', 'createChat', ({ ann }) => ({ userId: ann.id })],
  [
    'makes a group',
    'createChat',
    ({ bob, cyd }) => ({ users: [bob.id, cyd.id], chatName: 'Tea', description: 'at five' }),
  ],
  ['lists her chats', 'listChats', () => ({})],
  ['lists one', 'listChats', () => ({ limit: 1 })],
  ['lists the second page', 'listChats', () => ({ page: 2, limit: 1 })],
  ['looks at a chat', 'getChat', ({ group }) => ({ chatId: group._id })],
  ['looks for a chat that is not', 'getChat', ({ group }) => ({ chatId: group._id.replace(/./g, 'b') })],
  ['renames', 'updateChat', ({ group }) => ({ chatId: group._id, chatName: 'New', description: 'Newer' })],
  ['mutes', 'switchChat', ({ group }) => ({ chatId: group._id, muted: true, pinned: true, archived: false })],
  ['adds Dee', 'addMembers', ({ group, dee }) => ({ chatId: group._id, users: [dee.id] })],
  [
    'makes Bob an admin',
    'setRole',
    ({ group, bob }) => ({ chatId: group._id, userId: bob.id, role: 'admin' }),
  ],
  ['removes Cyd', 'removeMember', ({ group, cyd }) => ({ chatId: group._id, userId: cyd.id })],
  ['removes Cyd again', 'removeMember', ({ group, cyd }) => ({ chatId: group._id, userId: cyd.id })],
  ['searches', 'searchUsers', ({ bob }) => ({ search: bob.user.username })],
  ['looks at Bob', 'getUser', ({ bob }) => ({ id: bob.id })],
  ['looks at nobody', 'getUser', ({ bob }) => ({ id: bob.id.replace(/./g, 'c') })],
  [
    'says who she is',
    'updateProfile',
    () => ({ firstName: ' Änn\u202e ', lastName: '', statusText: 'At lunch' }),
  ],
  ['keeps to herself', 'updateProfile', () => ({ settings: { lastSeen: 'nobody' }, bio: 'two\nlines' })],
  ['takes Bob’s name', 'updateProfile', ({ bob }) => ({ username: bob.user.username.toUpperCase() })],
  ['accepts Bob', 'acceptContact', ({ bob }) => ({ id: bob.id })],
  ['accepts Cyd, who has not asked', 'acceptContact', ({ cyd }) => ({ id: cyd.id })],
  ['asks Cyd', 'requestContact', ({ cyd }) => ({ id: cyd.id })],
  ['asks herself', 'requestContact', ({ ann }) => ({ id: ann.id })],
  ['declines Dee, who has asked', 'declineContact', ({ dee }) => ({ id: dee.id })],
  ['looks at her contacts', 'listContacts', () => ({})],
  ['takes back what she asked Cyd', 'removeContact', ({ cyd }) => ({ id: cyd.id })],
  ['blocks Dee', 'block', ({ dee }) => ({ id: dee.id })],
  ['looks at whom she has blocked', 'listBlocks', () => ({})],
  ['takes the block back', 'unblock', ({ dee }) => ({ id: dee.id })],
  ['looks at her notifications', 'listNotifications', () => ({ limit: 10 })],
  ['has seen them', 'readNotifications', () => ({})],
  ['is busy', 'setStatus', () => ({ status: 'busy' })],
  ['is nonsense', 'setStatus', () => ({ status: 'nonsense' })],
  ['deletes the group', 'deleteChat', ({ group }) => ({ chatId: group._id })],
];

type Told = { answers: { status: number | null; body: unknown }[]; bobHeard: string[] };

/** Tells the story and writes down the answers and what Bob heard, in words that do not differ between two scenes. */
async function tell(deployment: Deployment, ask: (ann: Person, ear: Ear) => Ask): Promise<Told> {
  const { here, there } = deployment;
  const stage = scene(here);
  // One after the other: the two of a direct chat stand in the order of their ids.
  const ann = await stage.person('ann');
  const bob = await stage.person('bob');
  const [cyd, dee] = [await stage.person('cyd'), await stage.person('dee')];
  const people = { ann, bob, cyd, dee };
  const bobThere = await bob.connects(there.url);
  const annThere = await ann.connects(there.url);
  // Both are online for all to see before anything is asked.
  await Promise.all([bobThere, annThere].map((ear) => ear.hears('presence:update')));
  const direct = await stage.direct(ann, bob);
  const group = await stage.group(ann, [bob, cyd]);
  const said = [];
  for (const text of ['one', 'two', 'three']) said.push(await bob.sends(group._id, text));

  for (const person of [bob, dee]) await person.rest('POST', `/api/users/${ann.id}/friend-request`);

  const names = new Map(Object.values(people).map((person) => [person.id, `<${person.name}>`]));
  names.set(direct._id, '<direct>').set(group._id, '<group>');
  const plain = (value: unknown): string =>
    JSON.stringify(value)
      .replace(/\b[0-9a-f]{24}\b/g, (id) => names.get(id) ?? '<id>')
      .replace(/"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, '"<time>"')
      .replace(/"nextCursor":"[^"]{30,}"/g, '"nextCursor":"<cursor>"')
      .replace(/"requestId":"[^"]+"/g, '"requestId":"<request>"')
      .replace(/"[0-9a-f]{8}-[0-9a-f-]{27}"/g, '"<uuid>"')
      .replace(/\b(ann|bob|cyd|dee)[_.][0-9a-f]{8}\b/g, '$1');

  const through = ask(ann, annThere);
  const answers: Told['answers'] = [];
  for (const [, capability, input] of story) {
    const { status, body } = await through(capability, input({ ...people, direct, group, said }));
    answers.push({ status, body: JSON.parse(plain(body)) as unknown });
  }
  await bobThere.hears('chat:removed');
  await bobThere.hears('presence:update', ({ userId, status }) => userId === ann.id && status === 'busy');
  stage.close();
  const bobHeard = bobThere.heardSoFar
    .filter(({ event }) => event !== 'connection:established')
    // A chat is told as it is when it is told, which may be a step further: its state can't be compared.
    .map(({ event, payload }) => `${event} ${event.startsWith('chat:') ? '' : plain(payload)}`)
    .sort();
  return { answers, bobHeard };
}

describe.each(deploymentKinds)('through both doors on %s', (kind) => {
  let deployment: Deployment;
  let rest: Told;
  let socket: Told;

  beforeAll(async () => {
    deployment = await deploy(kind);
    rest = await tell(deployment, (ann) => byRest(ann, deployment.here.url));
    socket = await tell(deployment, (_ann, ear) => bySocket(ear));
  });
  afterAll(() => deployment.close());

  test.each(story.map(([title, capability], index) => [title, capability, index] as const))(
    'Ann %s (%s): one answer',
    (_title, _capability, index) => {
      const body = rest.answers[index]?.body;
      expect(body).toMatchObject({ success: (rest.answers[index]?.status ?? 500) < 300 });
      expect(socket.answers[index]?.body).toEqual(body);
    },
  );

  test('the statuses are those of the contract', () => {
    expect(rest.answers.map(({ status }) => status)).toEqual([
      ...[200, 200, 201, 201, 201, 422, 200, 200, 422, 200, 200, 200],
      ...[200, 201, 422, 201, 200, 200, 200, 200, 404, 200, 200, 200, 200, 200, 404],
      ...[200, 200, 404, 200, 200, 409],
      ...[200, 404, 200, 422, 200, 200, 200, 200, 200, 200, 200, 200],
      ...[200, 422, 200],
    ]);
  });

  test('and Bob hears the same', () => {
    expect(rest.bobHeard.length).toBeGreaterThan(10);
    expect(socket.bobHeard).toEqual(rest.bobHeard);
  });
});

describe('the tables', () => {
  /** Stands for all actions of a capability; tells them apart by name. */
  const named = <T extends object>(capability: string): T => {
    const made = new Map<PropertyKey, Action>();
    return new Proxy({} as T, {
      get: (_, name) => {
        const action = { name: `${capability}.${String(name)}` } as unknown as Action;
        return made.get(name) ?? made.set(name, action).get(name);
      },
    });
  };
  const madeOf = new Map<string, object>();
  const actions = new Proxy({} as Actions, {
    get: (_, capability): object => {
      const name = String(capability);
      const all = madeOf.get(name) ?? named<object>(name);
      madeOf.set(name, all);
      return all;
    },
  });
  const routes = apiRoutes(actions).flat();
  const events = socketEvents(actions, named<SessionActions>('session'));

  /** Reachable by one door only, on purpose: what is not stored belongs to sockets (and all of /auth, its cookies, to HTTP). */
  const oneDoor = [
    ...['auth:refresh', 'chat:join', 'chat:leave', 'typing:start', 'typing:stop', 'presence:subscribe'],
    // Files travel by HTTP.
    ...['put /users/me/avatar', 'delete /users/me/avatar', 'get /avatars/:name'],
  ];

  test('every route and every event is told of here', () => {
    const rows = Object.values(bothDoors);
    const known = [...oneDoor, ...rows.flatMap(([method, path, event]) => [`${method} ${path}`, event])];
    const byHttp = routes.filter(({ path }) => !path.startsWith('/auth/'));
    const served = [...byHttp.map(({ method, path }) => `${method} ${path}`), ...Object.keys(events)];
    expect(served.sort()).toEqual(known.sort());
    expect(new Set(story.map(([, capability]) => capability))).toEqual(new Set(capabilities));
  });

  test.each(capabilities)('%s is one action behind both doors', (capability) => {
    const [method, path, event] = bothDoors[capability];
    const route = routes.find((each) => each.method === method && each.path === path);
    expect(route?.action).toBeDefined();
    expect(events[event]?.action).toBe(route?.action);
  });
});
