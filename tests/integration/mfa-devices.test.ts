import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { browser, type Browser } from '../support/browser.js';
import { startTestDatabase, type TestDatabase } from '../support/database.js';
import { deploy, deploymentKinds, type Deployment } from '../support/deployment.js';
import { eventually } from '../support/eventually.js';
import { startMailbox, type Mailbox } from '../support/mailbox.js';
import { scene, type Answer, type Person } from '../support/scene.js';
import { startServer, type TestServer } from '../support/server.js';
import {
  gist,
  knock,
  movableTime,
  setUp,
  ticketOf,
  turnOn,
  type Guarded,
  type SignedIn,
} from '../support/two-steps.js';
import { authenticator } from '../support/authenticator.js';

const DAY_MS = 86_400_000;
const asked = [401, 'MFA_REQUIRED'];

describe.each(deploymentKinds)('a trusted device, %s', (kind) => {
  const time = movableTime();
  let deployment: Deployment;
  let mailbox: Mailbox;
  let stage: ReturnType<typeof scene>;
  beforeAll(async () => {
    mailbox = await startMailbox();
    const env = { SMTP_URL: mailbox.url, EMAIL_VERIFICATION: 'off' };
    deployment = await deploy(kind, { clock: time.now, env });
  });
  afterAll(async () => {
    await deployment.close();
    await mailbox.close();
  });
  beforeEach(() => {
    stage = scene(deployment.here);
  });
  afterEach(() => stage.close());

  const guarded = async (name: string): Promise<Guarded> => turnOn(await stage.person(name), time);
  const login = ({ user, password }: Person, tab: Browser, more: object = {}): Promise<Answer<SignedIn>> =>
    tab.asks<SignedIn>('POST', '/api/auth/login', { body: { username: user.username, password, ...more } });
  /** A browser that was asked to be trusted at a sign-in. */
  async function trusted(ann: Guarded): Promise<Browser> {
    const tab = browser(deployment.here.url);
    const { status } = await login(ann, tab, { mfaCode: ann.next(), trustDevice: true });
    if (status !== 200) throw new Error(`${ann.name} could not sign in: ${status}`);
    return tab;
  }
  /** The same browser, as the other node sees it. */
  const there = (tab: Browser): Browser => browser(deployment.there.url, tab.cookies);

  test('needs the password only, on every node, and keeps its secret in a cookie out of reach', async () => {
    const ann = await guarded('ann');
    const tab = await trusted(ann);
    const line = tab.lastSet.find((each) => each.startsWith('trustedDevice=')) ?? '';
    expect(
      line
        .split('; ')
        .slice(1)
        .filter((part) => !part.startsWith('Expires'))
        .sort(),
    ).toEqual([...['HttpOnly', `Max-Age=${30 * 86_400}`, 'Path=/api/auth', 'SameSite=Strict']]);
    const shown = tab.cookies.get('trustedDevice') ?? '';
    expect(shown).toMatch(/^[\w-]{43}$/);
    expect((await login(ann, there(tab))).status).toBe(200);
    expect((await login(ann, tab)).status).toBe(200);
    // Trusted once, not anew each time.
    expect(tab.lastSet.join()).not.toContain('trustedDevice');
    const { connection } = await deployment.database();
    const kept = await connection.collection('trusteddevices').find().toArray();
    expect(kept.length).toBeGreaterThan(0);
    expect(JSON.stringify(kept)).not.toContain(shown);
  });

  test('is one when it was asked for, in one step or in two, and with a recovery code', async () => {
    const ann = await guarded('ann');
    const tab = browser(deployment.here.url);
    await login(ann, tab, { mfaCode: ann.next() });
    await login(ann, tab, { mfaCode: ann.next(), trustDevice: false });
    expect(tab.cookies.has('trustedDevice')).toBe(false);
    expect(gist(await login(ann, tab, { trustDevice: true }))).toEqual(asked);
    expect(tab.cookies.has('trustedDevice')).toBe(false);

    const mfaTicket = await ticketOf(ann, deployment.there);
    const body = { mfaTicket, recoveryCode: ann.recoveryCodes[0], trustDevice: true };
    expect((await tab.asks('POST', '/api/auth/mfa/login', { body })).status).toBe(200);
    expect((await login(ann, there(tab))).status).toBe(200);
  });

  test('stands for the code, never for the password', async () => {
    const ann = await guarded('ann');
    const tab = await trusted(ann);
    expect(gist(await login({ ...ann, password: 'not her password' }, tab))).toEqual([
      401,
      'INVALID_CREDENTIALS',
    ]);
    // Who gives a code means it.
    expect((await login(ann, tab, { mfaCode: ann.phone.code(time.now(), -3) })).status).toBe(401);
    for (const path of ['me', 'sessions']) {
      const cookies: [string, string][] = [['trustedDevice', tab.cookies.get('trustedDevice') ?? '']];
      expect((await browser(deployment.here.url, cookies).asks('GET', `/api/auth/${path}`)).status).toBe(401);
    }
  });

  test('is its owner’s alone', async () => {
    const [ann, bob] = [await guarded('ann'), await guarded('bob')];
    const tab = await trusted(ann);
    expect(gist(await login(bob, tab))).toEqual(asked);
    expect((await login(ann, tab)).status).toBe(200);
    for (const shown of ['', 'x', 'x'.repeat(43), `${tab.cookies.get('trustedDevice')}x`, ann.id, '%00']) {
      expect(gist(await login(ann, browser(deployment.here.url, [['trustedDevice', shown]])))).toEqual(asked);
    }
  });

  test('is one for 30 days, however often it is used', async () => {
    const ann = await guarded('ann');
    const tab = await trusted(ann);
    time.pass(29 * DAY_MS);
    expect((await login(ann, tab)).status).toBe(200);
    time.pass(DAY_MS);
    expect(gist(await login(ann, there(tab)))).toEqual(asked);
  });

  test('stays one when its session is signed out', async () => {
    const ann = await guarded('ann');
    const tab = await trusted(ann);
    expect((await tab.asks('POST', '/api/auth/logout')).status).toBe(200);
    expect((await login(ann, tab)).status).toBe(200);
  });

  const ways: [string, (ann: Guarded, tab: Browser) => Promise<Guarded>][] = [
    [
      'a new password',
      async (ann) => {
        const password = `${ann.password} anew`;
        const body = { currentPassword: ann.password, newPassword: password };
        expect((await ann.rest('POST', '/api/auth/change-password', body)).status).toBe(200);
        return { ...ann, password };
      },
    ],
    [
      'a password that was forgotten',
      async (ann) => {
        const { email } = ann.user;
        await knock('forgot-password', { email }, deployment.there);
        const mail = await eventually(() => {
          const found = mailbox.received.find(({ to, subject }) => to === email && /reset/.test(subject));
          if (found === undefined) throw new Error('no code yet');
          return found;
        });
        const password = `${ann.password} reset`;
        const body = { email, otp: mail.code, newPassword: password };
        expect((await knock('reset-password', body, deployment.here)).status).toBe(200);
        return { ...ann, password };
      },
    ],
    [
      'turning two-step sign-in off and on again',
      async (ann) => {
        const body = { password: ann.password, token: ann.next() };
        expect((await ann.rest('POST', '/api/auth/mfa/disable', body)).status).toBe(200);
        return turnOn(ann, time);
      },
    ],
    [
      'signing out everywhere',
      async (ann) => {
        expect((await ann.rest('POST', '/api/auth/logout-all')).status).toBe(200);
        return ann;
      },
    ],
    [
      'ending its session from another one',
      async (ann, tab) => {
        const { data } = (
          await tab.asks<{ sessions: { _id: string; current: boolean }[] }>('GET', '/api/auth/sessions')
        ).body;
        const own = data.sessions.find(({ current }) => current)?._id ?? '';
        expect((await ann.rest('DELETE', `/api/auth/sessions/${own}`)).status).toBe(200);
        return ann;
      },
    ],
  ];
  test.each(ways)('is one no more after %s', async (_way, happens) => {
    const ann = await guarded('ann');
    const tab = await trusted(ann);
    const afterwards = await happens(ann, tab);
    expect(gist(await login(afterwards, tab))).toEqual(asked);
    const { connection } = await deployment.database();
    const users = await connection.collection('users').find({ username: ann.user.username }).toArray();
    const left = await connection.collection('trusteddevices').countDocuments({ user: users[0]?._id });
    expect(left).toBe(0);
    expect((await login(afterwards, tab, { mfaCode: afterwards.next() })).status).toBe(200);
  });

  test('of one person there are 20 at most: the oldest gives way', async () => {
    const ann = await guarded('ann');
    const tabs: Browser[] = [];
    for (let i = 0; i < 21; i += 1) tabs.push(await trusted(ann));
    const [first, second] = tabs;
    expect(gist(await login(ann, first as Browser))).toEqual(asked);
    expect((await login(ann, second as Browser)).status).toBe(200);
  });

  test('no sign-in that was under way when two-step sign-in was turned on leaves a session behind', async () => {
    const { ann } = await stage.people('ann');
    const phone = authenticator((await setUp(ann)).secret);
    const { username } = ann.user;
    const body = { username, password: ann.password };
    const verify = { token: phone.code(time.now()) };
    const [verified, ...logins] = await Promise.all([
      ann.rest('POST', '/api/auth/mfa/verify', verify),
      ...Array.from({ length: 10 }, (_, i) =>
        knock('login', body, i % 2 === 0 ? deployment.here : deployment.there),
      ),
    ]);
    expect(verified.status).toBe(200);
    expect(logins.every(({ status }) => status === 200 || status === 401)).toBe(true);
    const { sessions } = (await ann.rest<{ sessions: unknown[] }>('GET', '/api/auth/sessions')).body.data;
    expect(sessions).toHaveLength(1);
  });
});

test('with AUTH_TRANSPORT=bearer there are no trusted devices', async () => {
  const time = movableTime();
  const deployment = await deploy('one process', {
    clock: time.now,
    env: { AUTH_TRANSPORT: 'bearer' },
  });
  try {
    const ann = await turnOn(await scene(deployment.here).person('ann'), time);
    const tab = browser(deployment.here.url);
    const { username } = ann.user;
    const body = { username, password: ann.password, mfaCode: ann.next(), trustDevice: true };
    expect((await tab.asks('POST', '/api/auth/login', { body })).status).toBe(200);
    expect(tab.lastSet).toEqual([]);
  } finally {
    await deployment.close();
  }
});

describe('the keys that seal', () => {
  const time = movableTime();
  const [one, two, three] = [1, 2, 3].map(() => randomBytes(32).toString('base64')) as [
    string,
    string,
    string,
  ];
  let database: TestDatabase;
  let server: TestServer | null = null;
  beforeAll(async () => {
    database = await startTestDatabase();
  });
  afterAll(async () => {
    await server?.close();
    await database.close();
  });

  async function restart(...keys: string[]): Promise<TestServer> {
    await server?.close();
    const env = { DATA_ENCRYPTION_KEY: keys.join(',') };
    server = await startServer({ mongoUri: database.uri, clock: time.now, env });
    return server;
  }
  const signIn = ({ user, password }: Person, more: object): Promise<Answer<SignedIn>> =>
    knock('login', { username: user.username, password, ...more }, { url: server?.url ?? '' });
  async function sealedOf(person: Person): Promise<string> {
    const { connection } = await database.connect();
    const user = await connection.collection('users').findOne({ username: person.user.username });
    return (user?.['mfa'] as { secret: string }).secret;
  }

  test('can be rotated; when one is lost, recovery codes are the way back', async () => {
    const stage = scene(await restart(one));
    const people = await stage.people('ann', 'bob');
    const [ann, bob] = [await turnOn(people.ann, time), await turnOn(people.bob, time)];
    const before = await sealedOf(ann);

    // The new one in front: everything is sealed anew, without anybody signing in.
    await restart(two, one);
    await eventually(async () => {
      for (const person of [ann, bob]) {
        const keyId = (await sealedOf(person)).split('.')[1];
        if (keyId === before.split('.')[1]) throw new Error('still sealed with the old key');
      }
    });
    expect((await signIn(ann, { mfaCode: ann.next() })).status).toBe(200);

    // So the old one can go.
    await restart(two);
    expect((await signIn(ann, { mfaCode: ann.next() })).status).toBe(200);

    // A lost key: codes can't be checked, and that is what is said; no code is used up, nobody is let in.
    const { url } = await restart(three);
    const blind = await signIn(ann, { mfaCode: ann.next() });
    expect(gist(blind)).toEqual([503, 'UNAVAILABLE']);
    expect(blind.body.error.message).toContain('recovery code');
    const mfaTicket = await ticketOf(ann, { url });
    expect(gist(await knock('mfa/login', { mfaTicket, code: ann.next() }, { url }))).toEqual([
      503,
      'UNAVAILABLE',
    ]);
    expect(gist(await signIn(ann, {}))).toEqual(asked);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const recovered = await knock('mfa/login', { mfaTicket, recoveryCode: ann.recoveryCodes[0] }, { url });
    expect(recovered.status).toBe(200);
    const off = { password: ann.password, recoveryCode: ann.recoveryCodes[1] };
    expect((await ann.rest('POST', '/api/auth/mfa/disable', off, url)).status).toBe(200);
    expect((await signIn(ann, {})).status).toBe(200);

    // Put back behind the new one, it opens what it sealed.
    await restart(three, two);
    expect((await signIn(bob, { mfaCode: bob.next() })).status).toBe(200);
  });
});
