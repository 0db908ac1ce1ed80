import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { ChatView, MessageView, OwnUser, PublicUser } from '../../src/contract/views.js';
import { deploy, deploymentKinds, type Deployment } from '../support/deployment.js';
import { bySocket, type Ask } from '../support/doors.js';
import { rest, scene, type Person } from '../support/scene.js';

describe.each(deploymentKinds)('a profile on %s', (kind) => {
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

  const update = (person: Person, change: unknown) => person.rest<OwnUser>('PATCH', '/api/users/me', change);
  /** As somebody else sees her, on the other node. */
  const seen = async (by: Person, whom: Person): Promise<PublicUser> =>
    (await by.rest<PublicUser>('GET', `/api/users/${whom.id}`, undefined, deployment.there.url)).body.data;

  test('is what its owner says, for herself and for others on every node, at once', async () => {
    await seen(bob, ann);
    const change = {
      firstName: 'Åsa',
      lastName: '王',
      bio: 'line one\nline two <b>',
      statusText: 'Back at five 🕔',
    };
    const { status, body } = await update(ann, { ...change, settings: { lastSeen: 'nobody' } });
    expect(status).toBe(200);
    expect(body.data).toMatchObject({ ...change, name: 'Åsa 王', settings: { lastSeen: 'nobody' } });
    expect(await seen(bob, ann)).toMatchObject({ ...change, name: 'Åsa 王', lastSeen: null });
    const me = await ann.rest<{ user: OwnUser }>('GET', '/api/auth/me', undefined, deployment.there.url);
    expect(me.body.data.user).toMatchObject(change);
  });

  test('others see no more than the contract lists', async () => {
    await update(ann, { bio: 'words', settings: { lastSeen: 'contacts' } });
    const listed = ['_id', 'id', 'username', 'firstName', 'lastName', 'name', 'avatar', 'bio', 'isOnline'];
    expect(Object.keys(await seen(bob, ann)).sort()).toEqual(
      [...listed, 'status', 'lastSeen', 'createdAt'].sort(),
    );
    // What she is about stands beside it only where she has said so.
    await update(ann, { statusText: 'Hello' });
    expect((await seen(bob, ann)).statusText).toBe('Hello');
    await update(ann, { statusText: '' });
    expect(await seen(bob, ann)).not.toHaveProperty('statusText');
  });

  test('what is not named stays, an empty text takes away', async () => {
    await update(ann, { firstName: 'Ann', lastName: 'Lee', bio: 'words' });
    const { body } = await update(ann, { lastName: '' });
    expect(body.data).toMatchObject({ firstName: 'Ann', lastName: '', name: 'Ann', bio: 'words' });
    const nameless = await update(ann, { firstName: '', bio: '' });
    expect(nameless.body.data).toMatchObject({ name: ann.user.username, bio: '' });
  });

  test.each([
    ['turns of direction', 'Ann \u202egnihton\u202c', 'Ann gnihton'],
    ['isolates and marks', '\u2066Ann\u2069\u200f\u061c', 'Ann'],
    ['controls and lines', 'An\u0007n\r\nLee\u2028x', 'Ann Lee x'],
    ['what has no width', 'A\u200bn\u2060n\ufeff\u00ad', 'Ann'],
    ['tags that nobody sees', 'Ann\u{e0041}\u{e0042}', 'Ann'],
    ['blanks around and between', '  Ann \u3000  Lee\t', 'Ann Lee'],
    ['a letter in two parts', 'A\u030asa', 'Åsa'],
    ['joiners of scripts and of emoji', 'علی\u200cرضا 👩\u200d💻', 'علی\u200cرضا 👩\u200d💻'],
    ['fifty letters beyond the basic plane', '𐌰'.repeat(50), '𐌰'.repeat(50)],
    ['half of a pair', 'Ann\ud800', 'Ann\ufffd'],
  ])('a name is one honest line: %s', async (_what, typed, kept) => {
    const { status, body } = await update(ann, { firstName: typed, lastName: '' });
    expect([status, body.data?.firstName]).toEqual([200, kept]);
  });

  test('a username is one person’s, whatever the case of its letters', async () => {
    const name = `Neo.${ann.id.slice(-8)}`;
    const taken = await update(ann, { username: bob.user.username.toUpperCase(), bio: 'changed' });
    expect([taken.status, taken.body.error.code]).toEqual([409, 'TAKEN']);
    // Nothing of a refused change is there.
    expect(await seen(bob, ann)).toMatchObject({ username: ann.user.username, bio: '' });

    expect((await update(ann, { username: name })).body.data.username).toBe(name);
    // Her own in other letters is no clash.
    expect((await update(ann, { username: name.toLowerCase() })).status).toBe(200);
    const { here } = deployment;
    const signIn = (username: string) =>
      rest(here.url, 'POST', '/api/auth/login', { body: { username, password: ann.password } });
    expect((await signIn(name.toUpperCase())).status).toBe(200);
    expect((await signIn(ann.user.username)).status).toBe(401);
    // The old one is free.
    expect((await update(bob, { username: ann.user.username })).status).toBe(200);
  });

  test('of many who ask for one username one gets it', async () => {
    const username = `wanted.${ann.id.slice(-8)}`;
    const crowd = await Promise.all(
      Array.from({ length: 6 }, (_, index) => stage.person(`p${String(index)}`)),
    );
    const { here, there } = deployment;
    const answers = await Promise.all(
      crowd.map((person, index) =>
        person.rest('PATCH', '/api/users/me', { username }, index % 2 === 0 ? here.url : there.url),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409, 409]);
  });

  test('open sockets go by the new name at once, on every node', async () => {
    const chat = await stage.direct(ann, bob);
    const [annThere, bobHere] = [await ann.connects(deployment.there.url), await bob.connects()];
    const username = `new.${ann.id.slice(-8)}`;
    const ask: Ask = bySocket(await ann.connects());
    const { body } = await ask('updateProfile', { username, firstName: 'Anna' });
    expect(body).toMatchObject({ success: true, data: { username } });
    await annThere.asks('typing:start', { chatId: chat._id });
    expect(await bobHere.hears('typing')).toMatchObject({ username, isTyping: true });
    await annThere.asks('message:send', { chatId: chat._id, content: 'under my new name' });
    const { message } = await bobHere.hears('message:new');
    expect(message.sender).toMatchObject({ username, name: 'Anna' });
  });

  test('chats and messages show it on the next look', async () => {
    const chat = await stage.direct(ann, bob);
    await ann.sends(chat._id, 'said before');
    await bob.rest('GET', `/api/messages/${chat._id}`, undefined, deployment.there.url);
    await update(ann, { firstName: 'Anna', lastName: 'Lee' });
    const page = await bob.rest<{ messages: MessageView[] }>(
      'GET',
      `/api/messages/${chat._id}`,
      undefined,
      deployment.there.url,
    );
    expect(page.body.data.messages[0]?.sender.name).toBe('Anna Lee');
    const view = await bob.rest<ChatView>('GET', `/api/chats/${chat._id}`, undefined, deployment.there.url);
    expect(view.body.data.chatName).toBe('Anna Lee');
  });

  test('only what may be set is set', async () => {
    const { status } = await update(ann, {
      ...{ bio: 'mine', role: 'admin', isVerified: true, passwordHash: 'x', email: 'other@example.org' },
      ...{ _id: bob.id, id: bob.id, userId: bob.id, avatar: '../../etc/passwd', lastLoginAt: null },
    });
    expect(status).toBe(200);
    const { connection } = await deployment.database();
    const stored = await connection.collection('users').findOne({ usernameKey: ann.user.username });
    expect(stored).toMatchObject({ bio: 'mine', role: 'user', isVerified: false, avatar: null });
    expect(stored?.['email']).toBe(ann.user.email);
    expect((await seen(ann, bob)).bio).toBe('');
  });

  test('without a session nothing can be set', async () => {
    const { here } = deployment;
    const answer = await rest(here.url, 'PATCH', '/api/users/me', { body: { bio: 'x' } });
    expect([answer.status, answer.body.error.code]).toEqual([401, 'UNAUTHENTICATED']);
  });
});
