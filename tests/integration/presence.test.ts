import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { PresenceView, PublicUser } from '../../src/contract/views.js';
import { deploy, type Deployment } from '../support/deployment.js';
import { eventually } from '../support/eventually.js';
import { scene, type Ear, type Person } from '../support/scene.js';

/** Going offline is told 5 s after the last socket has gone. */
const GRACE_MS = 5_000;
const PATIENCE_MS = GRACE_MS + 5_000;

let deployment: Deployment;
let stage: ReturnType<typeof scene>;
let ann: Person;
let bob: Person;
let annHere: Ear;
beforeAll(async () => {
  deployment = await deploy('two nodes');
});
afterAll(() => deployment.close());
beforeEach(async () => {
  stage = scene(deployment.here);
  ({ ann, bob } = await stage.people('ann', 'bob'));
  await stage.direct(ann, bob);
  annHere = await ann.connects();
});
afterEach(() => stage.close());

const there = (): string => deployment.there.url;
const online = (ear: Ear, person: Person) =>
  ear.hears('presence:update', ({ userId, isOnline }) => userId === person.id && isOnline);
const offline = (ear: Ear, person: Person) =>
  ear.hears('presence:update', ({ userId, isOnline }) => userId === person.id && !isOnline, PATIENCE_MS);
const told = (ear: Ear, person: Person): PresenceView[] =>
  ear.heardSoFar.flatMap(({ event, payload }) =>
    event === 'presence:update' && (payload as PresenceView).userId === person.id
      ? [payload as PresenceView]
      : [],
  );
const seen = async (by: Person, whom: Person, url?: string): Promise<PublicUser> =>
  (await by.rest<PublicUser>('GET', `/api/users/${whom.id}`, undefined, url)).body.data;

describe('a person is online while any of his sockets lives on any node', () => {
  test('one of two tabs closed is nothing; the last one is told after the grace, with the time', async () => {
    expect(await seen(ann, bob)).toMatchObject({ isOnline: false, status: 'offline', lastSeen: null });
    const [first, second] = [await bob.connects(), await bob.connects(there())];
    expect(await online(annHere, bob)).toEqual({
      userId: bob.id,
      isOnline: true,
      status: 'online',
      lastSeen: null,
    });
    for (const url of [deployment.here.url, there()]) {
      expect(await seen(ann, bob, url)).toMatchObject({ isOnline: true, status: 'online' });
    }

    const closedAt = performance.now();
    first.close();
    // Longer than the grace: typing ends by itself after six seconds, which Ann hears.
    const [typed] = await Promise.all([
      annHere.hears('typing', ({ isTyping }) => !isTyping, 10_000),
      second.asks('typing:start', { chatId: (await chatOf(bob, ann))._id }),
    ]);
    expect(typed.userId).toBe(bob.id);
    expect(performance.now() - closedAt).toBeGreaterThan(GRACE_MS);
    expect(told(annHere, bob)).toHaveLength(1);
    expect((await seen(ann, bob, there())).isOnline).toBe(true);

    const lastClosedAt = Date.now();
    second.close();
    const gone = await offline(annHere, bob);
    expect(Date.now() - lastClosedAt).toBeGreaterThanOrEqual(GRACE_MS - 100);
    expect(gone).toMatchObject({ isOnline: false, status: 'offline' });
    expect(Date.parse(gone.lastSeen ?? '')).toBeGreaterThanOrEqual(lastClosedAt);
    for (const url of [deployment.here.url, there()]) {
      expect(await seen(ann, bob, url)).toMatchObject({ isOnline: false, lastSeen: gone.lastSeen });
    }
  });

  test('a reload is no blink, be it on the same node or the other', async () => {
    const cyd = await stage.person('cyd');
    await stage.direct(ann, cyd);
    let tab = await bob.connects();
    const leaving = await cyd.connects();
    await Promise.all([online(annHere, bob), online(annHere, cyd)]);
    for (const url of [deployment.here.url, there(), deployment.here.url]) {
      tab.close();
      tab = await bob.connects(url);
    }
    // Cyd leaves after Bob's reloads, so whatever is told of them is told before this.
    leaving.close();
    await offline(annHere, cyd);
    expect(told(annHere, bob)).toHaveLength(1);
    expect((await seen(ann, bob, there())).isOnline).toBe(true);
  });

  test('the status he chose is told to all sides, survives a reload, and offline means unseen', async () => {
    const tab = await bob.connects(there());
    await online(annHere, bob);
    await tab.asks('presence:set', { status: 'away' });
    await annHere.hears(
      'presence:update',
      ({ userId, isOnline, status }) => userId === bob.id && isOnline && status === 'away',
    );
    expect(await seen(ann, bob)).toMatchObject({ isOnline: true, status: 'away' });
    tab.close();
    const again = await bob.connects();
    expect(await seen(ann, bob)).toMatchObject({ isOnline: true, status: 'away' });
    await again.asks('presence:set', { status: 'offline' });
    await offline(annHere, bob);
    expect(await seen(ann, bob)).toMatchObject({ isOnline: false, status: 'offline' });
    await bob.rest('PUT', '/api/users/me/status', { status: 'online' });
    await online(annHere, bob);
    expect(await seen(ann, bob)).toMatchObject({ isOnline: true, status: 'online' });
  });
});

async function chatOf(a: Person, b: Person): Promise<{ _id: string }> {
  return stage.direct(a, b);
}

describe('presence is told', () => {
  let cyd: Person;
  let eve: Person;
  let cydThere: Ear;
  let eveThere: Ear;
  beforeEach(async () => {
    ({ cyd, eve } = await stage.people('cyd', 'eve'));
    [cydThere, eveThere] = await Promise.all([cyd.connects(there()), eve.connects(there())]);
  });
  const subscribes = async (ear: Ear, ...people: Person[]): Promise<PresenceView[]> => {
    const userIds = people.map(({ id }) => id);
    return (await ear.asks<{ presence: PresenceView[] }>('presence:subscribe', { userIds })).data.presence;
  };
  /** Bob changes his status, which Ann hears; whoever else is told has been told by then or with the next answer. */
  const changes = async (bobHere: Ear, status: string): Promise<void> => {
    await bobHere.asks('presence:set', { status });
    await annHere.hears('presence:update', (update) => update.userId === bob.id && update.status === status);
    await Promise.all([cydThere.asks('chat:list', {}), eveThere.asks('chat:list', {})]);
  };

  test('to who shares a direct chat, from the moment there is one', async () => {
    const bobHere = await bob.connects();
    await changes(bobHere, 'busy');
    expect([told(cydThere, bob), told(eveThere, bob)]).toEqual([[], []]);
    await stage.direct(cyd, bob);
    await changes(bobHere, 'away');
    await cydThere.hears('presence:update', ({ userId, status }) => userId === bob.id && status === 'away');
    expect(told(eveThere, bob)).toEqual([]);
  });

  test('to who shares a group and has asked for it; strangers learn nothing', async () => {
    await stage.group(ann, [bob, cyd]);
    const bobHere = await bob.connects();
    await changes(bobHere, 'busy');
    expect(told(cydThere, bob)).toEqual([]);
    expect(await subscribes(cydThere, bob, eve, ann)).toEqual(
      expect.arrayContaining([
        { userId: bob.id, isOnline: true, status: 'busy', lastSeen: null },
        expect.objectContaining({ userId: ann.id, isOnline: true }),
      ]),
    );
    expect(await subscribes(cydThere, eve)).toEqual([]);
    expect(await subscribes(eveThere, bob, ann, cyd)).toEqual([]);
    await changes(bobHere, 'away');
    await cydThere.hears('presence:update', ({ userId, status }) => userId === bob.id && status === 'away');
    expect(told(eveThere, bob)).toEqual([]);
  });

  test('no longer once they share no chat, whichever of them left', async () => {
    const bobHere = await bob.connects();
    const [first, second] = [await stage.group(ann, [bob, cyd]), await stage.group(ann, [bob, eve])];
    await subscribes(cydThere, bob);
    await subscribes(eveThere, bob);
    await changes(bobHere, 'busy');
    await Promise.all(
      [cydThere, eveThere].map((ear) => ear.hears('presence:update', (u) => u.userId === bob.id)),
    );
    // Here the one who watches goes, there the one who is watched.
    await ann.rest('DELETE', `/api/chats/${first._id}/members/${cyd.id}`);
    await ann.rest('DELETE', `/api/chats/${second._id}/members/${bob.id}`);
    await changes(bobHere, 'away');
    expect(told(cydThere, bob).map(({ status }) => status)).toEqual(['busy']);
    expect(told(eveThere, bob).map(({ status }) => status)).toEqual(['busy']);
  });

  test('to at most 200 at a time', async () => {
    const userIds = Array.from({ length: 201 }, (_, i) => i.toString(16).padStart(24, '0'));
    expect((await cydThere.asks('presence:subscribe', { userIds })).error.code).toBe('VALIDATION_FAILED');
    expect(await cydThere.asks('presence:subscribe', { userIds: userIds.slice(1) })).toMatchObject({
      data: { presence: [] },
    });
  });
});

describe('typing', () => {
  test('is heard by the members but for the typing socket, and ends by itself after six seconds', async () => {
    const { cyd, eve } = await stage.people('cyd', 'eve');
    const group = await stage.group(ann, [bob, cyd]);
    const [bobThere, eveThere] = [await bob.connects(there()), await eve.connects(there())];
    const start = performance.now();
    for (let i = 0; i < 5; i += 1) await annHere.asks('typing:start', { chatId: group._id });
    const heard = await bobThere.hears('typing');
    expect(heard).toEqual({ chatId: group._id, userId: ann.id, username: ann.user.username, isTyping: true });
    expect(await bobThere.hears('typing', () => true, 9_000)).toEqual({ ...heard, isTyping: false });
    const lasted = performance.now() - start;
    expect(lasted).toBeGreaterThan(5_900);
    expect(lasted).toBeLessThan(8_500);
    // One word for many keystrokes, and none to the typist or to strangers.
    expect(bobThere.heardSoFar.filter(({ event }) => event === 'typing')).toHaveLength(2);
    for (const ear of [annHere, eveThere]) {
      await ear.asks('chat:list', {});
      expect(ear.heardSoFar.map(({ event }) => event)).not.toContain('typing');
    }
  });

  test('ends when it is stopped and when the chat is left, once', async () => {
    const chat = await stage.direct(ann, bob);
    const bobThere = await bob.connects(there());
    for (const stop of ['typing:stop', 'chat:leave']) {
      await annHere.asks('typing:start', { chatId: chat._id });
      expect((await bobThere.hears('typing')).isTyping).toBe(true);
      await annHere.asks(stop, { chatId: chat._id });
      await annHere.asks(stop, { chatId: chat._id });
      expect((await bobThere.hears('typing')).isTyping).toBe(false);
    }
    await eventually(() =>
      expect(bobThere.heardSoFar.filter(({ event }) => event === 'typing')).toHaveLength(4),
    );
  });
});
