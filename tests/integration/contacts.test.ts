import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { ContactsView, ContactView, NotificationView, PublicUser } from '../../src/contract/views.js';
import { deploy, deploymentKinds, type Deployment } from '../support/deployment.js';
import { scene, type Answer, type Ear, type Person } from '../support/scene.js';

type Notifications = {
  notifications: NotificationView[];
  unreadCount: number;
  nextCursor: string | null;
  hasMore: boolean;
};

const DAY_MS = 24 * 3_600_000;

const requests = (a: Person, b: Person, url?: string) =>
  a.rest<ContactView>('POST', `/api/users/${b.id}/friend-request`, undefined, url);
const accepts = (a: Person, b: Person, url?: string) =>
  a.rest<ContactView>('POST', `/api/users/${b.id}/friend-request/accept`, undefined, url);
const declines = (a: Person, b: Person, url?: string) =>
  a.rest<ContactView>('POST', `/api/users/${b.id}/friend-request/decline`, undefined, url);
const removes = (a: Person, b: Person, url?: string) =>
  a.rest<ContactView>('DELETE', `/api/users/${b.id}/friend`, undefined, url);

/** Who is what to the person, by id. */
async function contactsOf(person: Person, url?: string): Promise<Record<keyof ContactsView, string[]>> {
  const { data } = (await person.rest<ContactsView>('GET', '/api/users/friends', undefined, url)).body;
  const ids = (list: PublicUser[]): string[] => list.map(({ id }) => id);
  return { friends: ids(data.friends), incoming: ids(data.incoming), outgoing: ids(data.outgoing) };
}

const notificationsOf = async (person: Person, query = ''): Promise<Notifications> =>
  (await person.rest<Notifications>('GET', `/api/notifications${query}`)).body.data;

/** What an answer says, in short. */
const said = ({ status, body }: Answer<ContactView>): unknown[] => [
  status,
  body.data?.state ?? body.error.code,
];

/** What a socket was told of a person's presence. */
const statusesOf = ({ id }: Person, ear: Ear): string[] =>
  ear.heardSoFar.flatMap(({ event, payload }) => {
    const { userId, status } = payload as { userId: string; status: string };
    return event === 'presence:update' && userId === id ? [status] : [];
  });

const nobody = { friends: [], incoming: [], outgoing: [] };

describe.each(deploymentKinds)('contacts on %s', (kind) => {
  let deployment: Deployment;
  let stage: ReturnType<typeof scene>;
  let ann: Person;
  let bob: Person;
  beforeAll(async () => {
    deployment = await deploy(kind);
  });
  afterAll(() => deployment.close());
  beforeEach(async () => {
    stage = scene(deployment.here);
    ({ ann, bob } = await stage.people('ann', 'bob'));
  });
  afterEach(() => stage.close());
  const there = (): string => deployment.there.url;
  /** All that the socket was told, once whatever was on its way has come. */
  const heard = async (ear: Ear): Promise<string[]> => {
    await ear.asks('chat:list', {});
    return ear.heardSoFar.map(({ event }) => event);
  };

  test('one asks, the other is told on every device, and accepts; so both are, and both are told', async () => {
    const [bobHere, bobThere, annThere] = [
      await bob.connects(),
      await bob.connects(there()),
      await ann.connects(there()),
    ];
    expect(said(await requests(ann, bob))).toEqual([200, 'outgoing']);
    expect(await contactsOf(ann, there())).toEqual({ ...nobody, outgoing: [bob.id] });
    expect(await contactsOf(bob, there())).toEqual({ ...nobody, incoming: [ann.id] });
    for (const ear of [bobHere, bobThere]) {
      const { notification, unreadCount } = await ear.hears('notification:new');
      expect(unreadCount).toBe(1);
      expect(notification).toMatchObject({ kind: 'friend-request', isRead: false, from: { id: ann.id } });
      // As yet she is a stranger.
      expect(notification.from).toMatchObject({ isOnline: false, status: 'offline', lastSeen: null });
      expect(await ear.hears('contact:updated')).toMatchObject({ state: 'incoming', user: { id: ann.id } });
    }
    expect(await annThere.hears('contact:updated')).toMatchObject({ state: 'outgoing' });

    expect(said(await accepts(bob, ann, there()))).toEqual([200, 'friends']);
    const { notification } = await annThere.hears('notification:new');
    expect(notification).toMatchObject({ kind: 'friend-accepted', from: { id: bob.id, isOnline: true } });
    for (const ear of [annThere, bobHere, bobThere]) {
      const { user } = await ear.hears('contact:updated', ({ state }) => state === 'friends');
      expect(user.isOnline).toBe(true);
    }
    // What it asked for is answered.
    expect(await bobHere.hears('notification:read')).toMatchObject({ unreadCount: 0 });
    expect(await contactsOf(ann)).toEqual({ ...nobody, friends: [bob.id] });
    expect(await contactsOf(bob)).toEqual({ ...nobody, friends: [ann.id] });
    // They share no chat, and yet each is told of the other now.
    const update = await annThere.hears('presence:update', ({ userId }) => userId === bob.id);
    expect(update).toMatchObject({ isOnline: true });
    await bobHere.asks('presence:set', { status: 'busy' });
    await annThere.hears('presence:update', ({ userId, status }) => userId === bob.id && status === 'busy');
  });

  test('a step taken again answers the same, and changes and tells nothing more', async () => {
    const bobHere = await bob.connects();
    for (let i = 0; i < 3; i += 1)
      expect(said(await requests(ann, bob, i % 2 ? there() : undefined))).toEqual([200, 'outgoing']);
    const both = await Promise.all([accepts(bob, ann), accepts(bob, ann, there())]);
    expect(both.map(said)).toEqual([
      [200, 'friends'],
      [200, 'friends'],
    ]);
    expect(said(await accepts(bob, ann))).toEqual([200, 'friends']);
    expect(said(await requests(ann, bob))).toEqual([200, 'friends']);
    expect((await heard(bobHere)).filter((event) => event === 'notification:new')).toHaveLength(1);
    expect((await notificationsOf(ann)).notifications.map(({ kind }) => kind)).toEqual(['friend-accepted']);
    expect(said(await declines(bob, ann))).toEqual([409, 'CONFLICT']);
  });

  test('two who ask each other at the same moment are contacts, however often it happens', async () => {
    const pairs = await Promise.all(
      Array.from({ length: 5 }, async () => Object.values(await stage.people('cyd', 'dan'))),
    );
    for (const [cyd, dan] of pairs as [Person, Person][]) {
      await Promise.all([requests(cyd, dan), requests(dan, cyd, there())]);
      expect(await contactsOf(cyd, there())).toEqual({ ...nobody, friends: [dan.id] });
      expect(await contactsOf(dan)).toEqual({ ...nobody, friends: [cyd.id] });
    }
    const { connection } = await deployment.database();
    const ids = pairs.flat().map(({ id }) => new connection.base.Types.ObjectId(id));
    expect(await connection.collection('relations').countDocuments({ low: { $in: ids } })).toBe(5);
  });

  test('to accept, to decline and to take back at once leaves one of the outcomes, on both sides', async () => {
    for (let round = 0; round < 4; round += 1) {
      const { cyd, dan } = await stage.people('cyd', 'dan');
      await requests(cyd, dan);
      const answers = await Promise.all([accepts(dan, cyd), declines(dan, cyd, there()), removes(cyd, dan)]);
      expect(answers.every(({ status }) => [200, 404, 409].includes(status))).toBe(true);
      const [one, other] = [await contactsOf(cyd), await contactsOf(dan, there())];
      expect(one.friends.length).toBe(other.friends.length);
      expect(other.incoming).toEqual([]);
    }
  });

  test('a decline is not told: the request looks unanswered, and is not heard again for a week', async () => {
    const annHere = await ann.connects();
    await requests(ann, bob);
    const bobThere = await bob.connects(there());
    const before = (await heard(annHere)).length;
    expect(said(await declines(bob, ann, there()))).toEqual([200, 'none']);
    expect(said(await declines(bob, ann))).toEqual([200, 'none']);
    expect((await heard(annHere)).length).toBe(before);
    expect(await contactsOf(ann, there())).toEqual({ ...nobody, outgoing: [bob.id] });
    expect(await contactsOf(bob)).toEqual(nobody);

    // Asked again, and again after taking it back: to Ann all is as ever, and Bob hears nothing.
    expect(said(await requests(ann, bob))).toEqual([200, 'outgoing']);
    expect(said(await removes(ann, bob))).toEqual([200, 'none']);
    expect(said(await requests(ann, bob, there()))).toEqual([200, 'outgoing']);
    expect(await contactsOf(ann)).toEqual({ ...nobody, outgoing: [bob.id] });
    expect(await contactsOf(bob)).toEqual(nobody);
    expect(await heard(bobThere)).not.toContain('notification:new');
    expect(said(await accepts(bob, ann))).toEqual([404, 'NOT_FOUND']);

    // The week is over.
    const { connection } = await deployment.database();
    const { Types } = connection.base;
    const pair = [ann.id, bob.id].sort().map((id) => new Types.ObjectId(id));
    const longAgo = new Date(Date.now() - 8 * DAY_MS);
    await connection.collection('relations').updateOne({ low: pair[0], high: pair[1] }, [
      {
        $set: {
          refusedLow: { $cond: [{ $ne: ['$refusedLow', null] }, longAgo, null] },
          refusedHigh: { $cond: [{ $ne: ['$refusedHigh', null] }, longAgo, null] },
        },
      },
    ]);
    expect(said(await requests(ann, bob))).toEqual([200, 'outgoing']);
    await bobThere.hears('notification:new');
    expect(await contactsOf(bob)).toEqual({ ...nobody, incoming: [ann.id] });
  });

  test('who has declined may ask himself, which is as good as accepting', async () => {
    await requests(ann, bob);
    await declines(bob, ann);
    expect(said(await requests(bob, ann, there()))).toEqual([200, 'friends']);
    expect(await contactsOf(ann)).toEqual({ ...nobody, friends: [bob.id] });
  });

  test('what is taken back or ended is gone for both, and presence with it', async () => {
    const bobThere = await bob.connects(there());
    await requests(ann, bob);
    expect(said(await removes(ann, bob, there()))).toEqual([200, 'none']);
    expect(await bobThere.hears('contact:updated', ({ state }) => state === 'none')).toMatchObject({
      user: { id: ann.id },
    });
    expect(await contactsOf(bob)).toEqual(nobody);
    expect(await notificationsOf(bob)).toMatchObject({ notifications: [], unreadCount: 0 });

    await requests(ann, bob);
    await accepts(bob, ann);
    const annHere = await ann.connects();
    await bobThere.hears('presence:update', ({ userId, isOnline }) => userId === ann.id && isOnline);
    expect(said(await removes(bob, ann, there()))).toEqual([200, 'none']);
    // Each sees the other go, and nothing more.
    await bobThere.hears('presence:update', ({ userId, isOnline }) => userId === ann.id && !isOnline);
    await annHere.hears('presence:update', ({ userId, isOnline }) => userId === bob.id && !isOnline);
    await annHere.asks('presence:set', { status: 'away' });
    await bobThere.asks('presence:set', { status: 'busy' });
    await Promise.all([heard(bobThere), heard(annHere)]);
    expect(statusesOf(ann, bobThere)).not.toContain('away');
    expect(statusesOf(bob, annHere)).not.toContain('busy');
    const seen = (await ann.rest<PublicUser>('GET', `/api/users/${bob.id}`)).body.data;
    expect(seen).toMatchObject({ isOnline: false, status: 'offline', lastSeen: null });
    expect(said(await removes(ann, bob))).toEqual([404, 'NOT_FOUND']);
  });

  test('nothing to answer, nobody to ask', async () => {
    const nowhere = { ...bob, id: bob.id.replace(/./g, '0') };
    for (const step of [requests, accepts, declines, removes]) {
      expect(said(await step(ann, nowhere))).toEqual([404, 'NOT_FOUND']);
      expect(said(await step(ann, { ...bob, id: 'nobody' }))).toEqual([422, 'VALIDATION_FAILED']);
    }
    expect(said(await requests(ann, ann))).toEqual([422, 'VALIDATION_FAILED']);
    for (const step of [accepts, declines, removes])
      expect(said(await step(ann, bob))).toEqual([404, 'NOT_FOUND']);
    await requests(ann, bob);
    // One's own request is the other's to answer; a request of somebody else is nobody's to take back.
    for (const step of [accepts, declines]) expect(said(await step(ann, bob))).toEqual([404, 'NOT_FOUND']);
    expect(said(await removes(bob, ann))).toEqual([404, 'NOT_FOUND']);
    expect(await contactsOf(bob)).toEqual({ ...nobody, incoming: [ann.id] });
  });
});

describe('notifications', () => {
  let deployment: Deployment;
  let stage: ReturnType<typeof scene>;
  beforeAll(async () => {
    deployment = await deploy('two nodes', { env: { RATE_LIMIT_SCALE: '1' } });
    stage = scene(deployment.here);
  });
  afterAll(async () => {
    stage.close();
    await deployment.close();
  });

  test('are paged from the newest, read one by one or all at once, on every device', async () => {
    const bob = await stage.person('bob');
    const others = Object.values(await stage.people('ann', 'cyd', 'dan', 'eve', 'fay'));
    for (const other of others) await requests(other, bob);
    const bobThere = await bob.connects(deployment.there.url);
    const first = await notificationsOf(bob, '?limit=2');
    expect(first).toMatchObject({ unreadCount: 5, hasMore: true });
    const second = await notificationsOf(bob, `?limit=3&cursor=${first.nextCursor}`);
    expect(second).toMatchObject({ hasMore: false, nextCursor: null });
    const all = [...first.notifications, ...second.notifications];
    expect(all.map(({ from }) => from?.id)).toEqual(others.map(({ id }) => id).reverse());

    const [newest, next] = all.map(({ _id }) => _id);
    const read = (body: object) => bob.rest('POST', '/api/notifications/read', body);
    expect((await read({ ids: [newest, next] })).body.data).toEqual({ unreadCount: 3 });
    expect(await bobThere.hears('notification:read')).toEqual({ ids: [newest, next], unreadCount: 3 });
    expect((await notificationsOf(bob)).notifications.map(({ isRead }) => isRead)).toEqual([
      ...[true, true, false, false, false],
    ]);
    // What is another's is not his to read.
    const [other] = others;
    if (other === undefined) throw new Error('nobody');
    await accepts(bob, other);
    const hers = (await notificationsOf(other)).notifications[0]?._id;
    await read({ ids: [hers] });
    expect(await notificationsOf(other)).toMatchObject({ unreadCount: 1 });
    expect((await read({})).body.data).toEqual({ unreadCount: 0 });
    expect(await bobThere.hears('notification:read', ({ ids }) => ids === null)).toMatchObject({
      unreadCount: 0,
    });
  });

  test('only the newest 500 of the last 90 days are kept', async () => {
    const { ann, bob } = await stage.people('ann', 'bob');
    const { connection } = await deployment.database();
    const { Types } = connection.base;
    const user = new Types.ObjectId(bob.id);
    const notes = (count: number, at: number) =>
      Array.from({ length: count }, (_, i) => ({
        _id: new Types.ObjectId(
          Math.floor(at / 1_000)
            .toString(16)
            .padStart(8, '0') + i.toString(16).padStart(16, '0'),
        ),
        ...{ user, kind: 'friend-accepted', from: null, readAt: null },
      }));
    const collection = connection.collection('notifications');
    await collection.insertMany([...notes(7, Date.now() - 91 * DAY_MS), ...notes(510, Date.now() - DAY_MS)]);
    expect((await notificationsOf(bob)).unreadCount).toBe(510);
    const bobHere = await bob.connects();
    await requests(ann, bob);
    await bobHere.hears('notification:new');
    // Trimming follows the answer.
    for (let left = Infinity; left > 500;) left = await collection.countDocuments({ user });
    expect(await notificationsOf(bob)).toMatchObject({ unreadCount: 500, notifications: { length: 20 } });
  });

  test('a hundred requests a day are enough', async () => {
    const { ann, bob } = await stage.people('ann', 'bob');
    for (let i = 0; i < 100; i += 1) expect((await requests(ann, bob)).status).toBe(200);
    const refused = await requests(ann, bob);
    expect([refused.status, refused.body.error.code]).toEqual([429, 'LIMITED']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(3_600);
  });
});
