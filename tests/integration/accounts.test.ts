import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { OwnUser, SessionView } from '../../src/contract/views.js';
import { deploy, type Deployment } from '../support/deployment.js';
import { connect, rest, scene, type Answer } from '../support/scene.js';

let deployment: Deployment;
let stage: ReturnType<typeof scene>;
beforeAll(async () => {
  deployment = await deploy('two nodes');
});
afterAll(() => deployment.close());
beforeEach(() => {
  stage = scene(deployment.here);
});
afterEach(() => stage.close());

type SignedIn = { user: OwnUser; token?: string };
type Account = { username: string; email: string; password: string };

const account = (name = 'ann'): Account => {
  const tag = randomBytes(4).toString('hex');
  return { username: `${name}_${tag}`, email: `${name}.${tag}@example.org`, password: `${tag} is a secret` };
};
const register = (body: object): Promise<Answer<SignedIn>> =>
  rest<SignedIn>(deployment.here.url, 'POST', '/api/auth/register', { body });
const login = (body: object): Promise<Answer<SignedIn>> =>
  rest<SignedIn>(deployment.there.url, 'POST', '/api/auth/login', { body });

describe('coming in', () => {
  test('register, login by name or address in any letter case, and who am I', async () => {
    const ann = account();
    const registered = await register({ ...ann, firstName: 'Änn', lastName: '安' });
    expect(registered.status).toBe(201);
    const { user, token } = registered.body.data;
    expect(user).toMatchObject({
      username: ann.username,
      email: ann.email,
      name: 'Änn 安',
      isVerified: false,
    });
    expect(user.id).toBe(user._id);
    for (const by of [
      { username: ann.username },
      { username: ann.username.toUpperCase() },
      { email: ann.email },
      { email: ` ${ann.email.toUpperCase()}` },
    ]) {
      const answer = await login({ ...by, password: ann.password });
      expect([by, answer.status, answer.body.data?.user.id]).toEqual([by, 200, user.id]);
    }
    const headers = { authorization: `Bearer ${token}` };
    const me = await rest<SignedIn>(deployment.there.url, 'GET', '/api/auth/me', { headers });
    expect(me.body.data.user).toMatchObject({
      id: user.id,
      email: ann.email,
      settings: { lastSeen: 'everyone' },
    });
    expect(me.body.data.user.lastLoginAt).not.toBeNull();
  });

  test('what is taken is taken in any letter case, and says not by whom', async () => {
    const ann = account();
    await register(ann);
    for (const again of [
      { ...account(), username: ann.username.toUpperCase() },
      { ...account(), email: ann.email.toUpperCase() },
      ann,
    ]) {
      const { status, body } = await register(again);
      expect([status, body.error.code]).toEqual([409, 'TAKEN']);
    }
  });

  test('of 20 who want one name at once one gets it', async () => {
    const ann = account();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        rest(index % 2 === 0 ? deployment.here.url : deployment.there.url, 'POST', '/api/auth/register', {
          body: { ...ann, email: `${index}.${ann.email}` },
        }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([
      201,
      ...Array.from({ length: 19 }, () => 409),
    ]);
    const { connection } = await deployment.database();
    const named = { usernameKey: ann.username.toLowerCase() };
    expect(await connection.collection('users').countDocuments(named)).toBe(1);
  });

  test('the most common passwords are refused, exactly those', async () => {
    for (const password of ['password', '12345678', 'qwertyuiop', 'iloveyou']) {
      const { status, body } = await register({ ...account(), password });
      expect([password, status, body.error.details?.[0]?.field]).toEqual([password, 422, 'password']);
    }
    for (const password of ['Password123', 'PASSWORD', '👋'.repeat(8), ' '.repeat(8), 'x'.repeat(128)]) {
      expect([password, (await register({ ...account(), password })).status]).toEqual([password, 201]);
    }
  });

  test('every byte of a password counts', async () => {
    const long = 'x'.repeat(72);
    for (const [right, wrong] of [
      [`${long}one`, `${long}two`],
      [`${long}one`, long],
      ['before\0after', 'before\0other'],
      ['before\0after', 'before'],
      ['before\0after', 'beforeafter'],
      ['a secret ', 'a secret'],
      ['a Secret', 'a secret'],
      ['e\u0301e\u0301e\u0301e\u0301e\u0301', 'éééééééé'],
    ] as const) {
      const ann = { ...account(), password: right };
      expect((await register(ann)).status).toBe(201);
      const { username } = ann;
      expect([right, (await login({ username, password: wrong })).status]).toEqual([right, 401]);
      expect([right, (await login({ username, password: right })).status]).toEqual([right, 200]);
    }
  });

  test('a wrong name and a wrong password are one answer', async () => {
    const ann = account();
    await register(ann);
    const answers = [
      await login({ username: ann.username, password: 'wrong secret' }),
      await login({ email: ann.email, password: 'wrong secret' }),
      await login({ username: account().username, password: 'wrong secret' }),
      await login({ email: account().email, password: ann.password }),
    ];
    for (const { status, body } of answers) {
      const { requestId, ...error } = body.error;
      expect(requestId).toBeTruthy();
      expect([status, error]).toEqual([
        401,
        { code: 'INVALID_CREDENTIALS', message: answers[0]?.body.error.message },
      ]);
    }
  });

  test('no answer and no event holds a hash, a password, or the address of another', async () => {
    const { ann, bob } = await stage.people('ann', 'bob');
    const chat = await stage.direct(ann, bob);
    const bobHere = await bob.connects();
    await ann.sends(chat._id, 'hello');
    await bobHere.hears('message:new');
    const seen = [JSON.stringify(bobHere.heardSoFar)];
    for (const path of [
      ...[
        '/api/auth/me',
        '/api/auth/sessions',
        '/api/chats',
        `/api/chats/${chat._id}`,
        `/api/users/${ann.id}`,
      ],
      ...[
        `/api/messages/${chat._id}`,
        `/api/users?search=${ann.user.username}`,
        `/api/users?search=${ann.user.email}`,
      ],
    ]) {
      seen.push(JSON.stringify((await bob.rest('GET', path)).body));
    }
    expect(seen.at(-1)).toContain(ann.id);
    const all = seen.join('\n');
    expect(all).not.toMatch(/hash|\$2[aby]\$|usernameKey|"role"|userAgent/i);
    for (const secret of [ann.password, bob.password, ann.user.email]) expect(all).not.toContain(secret);
  });
});

describe('sessions', () => {
  test('are listed for their owner alone, and end one by one', async () => {
    const { ann, bob } = await stage.people('ann', 'bob');
    const second = await login({ username: ann.user.username, password: ann.password });
    const list = async (): Promise<SessionView[]> =>
      (await ann.rest<{ sessions: SessionView[] }>('GET', '/api/auth/sessions')).body.data.sessions;
    const [other] = (await list()).filter(({ current }) => !current);
    expect(await list()).toHaveLength(2);
    expect(other).toEqual({
      ...{
        _id: expect.any(String),
        device: expect.any(String),
        ip: '127.0.0.1',
        place: null,
        current: false,
      },
      ...{ createdAt: expect.any(String), lastUsed: expect.any(String) },
    });
    expect((await bob.rest('DELETE', `/api/auth/sessions/${other?._id}`)).status).toBe(404);
    expect((await ann.rest('DELETE', `/api/auth/sessions/${other?._id}`)).status).toBe(200);
    expect((await ann.rest('DELETE', `/api/auth/sessions/${other?._id}`)).status).toBe(404);
    const headers = { authorization: `Bearer ${second.body.data.token}` };
    const dead = await rest(deployment.there.url, 'GET', '/api/auth/me', { headers });
    expect([dead.status, dead.body.error.code]).toEqual([401, 'SESSION_REVOKED']);
    expect(await list()).toHaveLength(1);
  });

  test.each(['post', 'get'] as const)(
    '%s logout cuts the session within a second, on every node',
    async (method) => {
      const ann = await stage.person('ann');
      const other = await login({ username: ann.user.username, password: ann.password });
      const [annHere, annThere] = [await ann.connects(), await ann.connects(deployment.there.url)];
      const spared = await connect(deployment.there.url, { auth: { token: other.body.data.token } });
      // Both nodes know the session by heart.
      await ann.rest('GET', '/api/auth/me', undefined, deployment.there.url);
      const cut = [annHere, annThere].map(
        (ear) => new Promise((resolve) => ear.socket.once('disconnect', resolve)),
      );
      const start = performance.now();
      expect((await ann.rest(method.toUpperCase(), '/api/auth/logout')).status).toBe(200);
      await Promise.all([...cut, annHere.hears('session:revoked'), annThere.hears('session:revoked')]);
      expect(performance.now() - start).toBeLessThan(1_000);
      for (const { url } of [deployment.here, deployment.there]) {
        const { status, body } = await ann.rest('GET', '/api/auth/me', undefined, url);
        expect([status, body.error.code]).toEqual([401, 'SESSION_REVOKED']);
      }
      expect(await spared.asks('chat:list', {})).toMatchObject({ success: true });
      spared.close();
    },
  );

  test('logout-all ends them all', async () => {
    const ann = await stage.person('ann');
    const other = await login({ username: ann.user.username, password: ann.password });
    const headers = { authorization: `Bearer ${other.body.data.token}` };
    const there = await connect(deployment.there.url, { auth: { token: other.body.data.token } });
    await ann.rest('POST', '/api/auth/logout-all');
    await there.hears('session:revoked');
    expect((await ann.rest('GET', '/api/auth/me')).status).toBe(401);
    expect((await rest(deployment.there.url, 'GET', '/api/auth/me', { headers })).status).toBe(401);
    expect((await login({ username: ann.user.username, password: ann.password })).status).toBe(200);
  });
});
