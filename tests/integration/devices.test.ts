import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoginView, OwnUser, SessionView } from '../../src/contract/views.js';
import { browser } from '../support/browser.js';
import { deploy, deploymentKinds, type Deployment } from '../support/deployment.js';
import { eventually } from '../support/eventually.js';
import { startMailbox, type Mailbox } from '../support/mailbox.js';
import { mmdb } from '../support/mmdb.js';
import { rest, scene, type Answer, type Person } from '../support/scene.js';

type SignedIn = { user: OwnUser; token: string };
type Logins = { logins: LoginView[]; nextCursor: string | null; hasMore: boolean };

const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0';
const newerFirefox = firefox.replaceAll('128', '129');
const safari =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-geoip-'));
  const names = (en: string) => ({ names: { en } });
  await writeFile(
    join(folder, 'city.mmdb'),
    mmdb({
      '192.0.2.0/24': { city: names('Bergen'), country: names('Norway') },
      '198.51.100.0/24': { country: names('Chile') },
    }),
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(deploymentKinds)('on %s', (kind) => {
  let deployment: Deployment;
  let stage: ReturnType<typeof scene>;
  let mailbox: Mailbox;
  beforeAll(async () => {
    mailbox = await startMailbox();
    deployment = await deploy(kind, {
      env: {
        ...{ TRUST_PROXY: '1', GEOIP_DATABASE: join(folder, 'city.mmdb') },
        ...{ SMTP_URL: mailbox.url, EMAIL_VERIFICATION: 'off', RATE_LIMIT_SCALE: '1' },
        ...{ RATE_LIMIT_AUTH: '1000/15m', RATE_LIMIT_ANONYMOUS: '100000/15m' },
      },
    });
  });
  afterAll(async () => {
    await deployment.close();
    await mailbox.close();
  });
  beforeEach(() => {
    stage = scene(deployment.here);
  });
  afterEach(() => stage.close());

  type From = { ip?: string; agent?: string; cookie?: string; extra?: object };

  /** Signs in from somewhere, on the other node. */
  function logsIn({ user, password }: Person, from: From = {}): Promise<Answer<SignedIn>> {
    const { ip = '203.0.113.9', agent = firefox, cookie, extra = {} } = from;
    return rest<SignedIn>(deployment.there.url, 'POST', '/api/auth/login', {
      body: { username: user.username, password, ...extra },
      headers: {
        ...{ 'x-forwarded-for': ip, 'user-agent': agent },
        ...(cookie === undefined ? {} : { cookie }),
      },
    });
  }
  const loginsOf = async (person: Person, query = ''): Promise<Logins> =>
    (await person.rest<Logins>('GET', `/api/auth/logins${query}`)).body.data;
  const sessionsOf = async (person: Person): Promise<SessionView[]> =>
    (await person.rest<{ sessions: SessionView[] }>('GET', '/api/auth/sessions')).body.data.sessions;

  describe('a session', () => {
    test('shows from which device, address and place it was begun', async () => {
      const ann = await stage.person('ann');
      const location = { lat: 60.391_262, lon: 5.322_054 };
      await logsIn(ann, { ip: '192.0.2.7', extra: { location } });
      await logsIn(ann, { ip: '198.51.100.7', agent: safari });
      await logsIn(ann, { extra: { location } });
      await logsIn(ann, { agent: 'curl/8.5.0' });
      const seen = (await sessionsOf(ann)).map(({ device, ip, place, current }) => ({
        device,
        ip,
        place,
        current,
      }));
      expect(seen).toHaveLength(5);
      expect(seen).toEqual(
        expect.arrayContaining([
          { device: 'Firefox 128 on Linux', ip: '192.0.2.7', place: 'Bergen, Norway', current: false },
          { device: 'Safari 17 on iOS', ip: '198.51.100.7', place: 'Chile', current: false },
          { device: 'Firefox 128 on Linux', ip: '203.0.113.9', place: '60.4, 5.3', current: false },
          { device: 'curl 8', ip: '203.0.113.9', place: null, current: false },
          { device: 'node', ip: '127.0.0.1', place: null, current: true },
        ]),
      );
    });

    test('was used last when it was, on any node, though no request writes that down', async () => {
      const ann = await stage.person('ann');
      const { token } = (await logsIn(ann)).body.data;
      const other = async (): Promise<SessionView | undefined> =>
        (await sessionsOf(ann)).find(({ current }) => !current);
      const { connection } = await deployment.database();
      const stored = async (): Promise<unknown> =>
        (
          await connection
            .collection('sessions')
            .findOne({ device: 'Firefox 128 on Linux' }, { sort: { createdAt: -1 } })
        )?.['lastUsedAt'];

      const first = await other();
      const before = await stored();
      const headers = { authorization: `Bearer ${token}` };
      for (let i = 0; i < 5; i += 1) await rest(deployment.there.url, 'GET', '/api/auth/me', { headers });
      expect(await stored()).toEqual(before);
      const second = await other();
      expect(Date.parse(second?.lastUsed ?? '')).toBeGreaterThan(Date.parse(first?.lastUsed ?? ''));
      // Nothing happened since: it stays.
      expect(await other()).toEqual(second);

      // A live socket is a use, also on the other node, and its end is.
      const socket = await stage.connect(token, deployment.there.url);
      const third = await eventually(async () => {
        const now = await other();
        expect(Date.parse(now?.lastUsed ?? '')).toBeGreaterThan(Date.parse(second?.lastUsed ?? ''));
        return now;
      });
      const fourth = await other();
      expect(Date.parse(fourth?.lastUsed ?? '')).toBeGreaterThanOrEqual(Date.parse(third?.lastUsed ?? ''));
      socket.close();
    });

    test('does not begin with a place or a device of another shape', async () => {
      const ann = await stage.person('ann');
      const tag = randomBytes(4).toString('hex');
      const bob = { username: `bob_${tag}`, email: `bob.${tag}@example.org`, password: `${tag} is a secret` };
      for (const extra of [
        ...[{ location: 'Bergen' }, { location: [60, 5] }, { location: { lat: 91, lon: 0 } }],
        ...[
          { location: { lat: 0, lon: 181 } },
          { location: { lat: '60', lon: 5 } },
          { location: { lat: 60 } },
        ],
        ...[{ location: { lat: { $gt: 0 }, lon: 5 } }, { deviceId: '' }, { deviceId: 'x'.repeat(129) }],
        ...[{ deviceId: { $ne: '' } }, { deviceId: ['a'] }, { deviceId: 'a b' }],
      ]) {
        const registering = rest(deployment.here.url, 'POST', '/api/auth/register', {
          body: { ...bob, ...extra },
        });
        for (const { status, body } of [await logsIn(ann, { extra }), await registering]) {
          expect([extra, status, body.error.details?.[0]?.field]).toEqual([
            extra,
            422,
            Object.keys(extra)[0],
          ]);
        }
      }
      expect(await sessionsOf(ann)).toHaveLength(1);
    });
  });

  describe('the login history', () => {
    test('tells its owner what succeeded and what failed, newest first', async () => {
      const { ann, bob } = await stage.people('ann', 'bob');
      await logsIn({ ...ann, password: 'a guess' }, { ip: '192.0.2.66', agent: 'curl/8.5.0' });
      await logsIn(ann, { ip: '198.51.100.7' });
      const { logins, hasMore, nextCursor } = await loginsOf(ann);
      expect([hasMore, nextCursor]).toEqual([false, null]);
      expect(
        logins.map(
          ({ _id, at, ...login }) => (
            expect([_id, at]).toEqual([expect.any(String), expect.any(String)]),
            login
          ),
        ),
      ).toEqual([
        {
          ...{ outcome: 'success', device: 'Firefox 128 on Linux', ip: '198.51.100.7', place: 'Chile' },
          ...{ newDevice: true, current: false },
        },
        {
          ...{ outcome: 'failure', device: 'curl 8', ip: '192.0.2.66', place: 'Bergen, Norway' },
          ...{ newDevice: false, current: false },
        },
        {
          ...{ outcome: 'success', device: 'node', ip: '127.0.0.1', place: null },
          ...{ newDevice: false, current: true },
        },
      ]);
      expect((await loginsOf(bob)).logins).toHaveLength(1);
      expect(JSON.stringify(logins)).not.toMatch(/guess|Mozilla|session/);
      const stranger = await rest(deployment.here.url, 'GET', '/api/auth/logins');
      expect([stranger.status, stranger.body.error.code]).toEqual([401, 'UNAUTHENTICATED']);
    });

    test('comes in pages, each once', async () => {
      const ann = await stage.person('ann');
      for (let i = 0; i < 6; i += 1) await logsIn(ann);
      const all = (await loginsOf(ann)).logins;
      expect(all).toHaveLength(7);
      const paged: LoginView[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const page: Logins = await loginsOf(ann, `?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`);
        paged.push(...page.logins);
        expect(page.hasMore).toBe(page.nextCursor !== null);
        cursor = page.nextCursor;
      }
      expect(paged).toEqual(all);
      for (const query of [
        'limit=0',
        'limit=101',
        'limit=x',
        'cursor=x',
        'cursor=',
        'cursor[$gt]=1&limit=a',
      ]) {
        expect([query, (await ann.rest('GET', `/api/auth/logins?${query}`)).status]).toEqual([query, 422]);
      }
    });

    test('is short: failures can’t push out what succeeded, and what is old is gone without a TTL monitor', async () => {
      const ann = await stage.person('ann');
      const { connection } = await deployment.database();
      const logins = connection.collection('logins');
      const user = (await connection.collection('users').findOne({ username: ann.user.username }))?._id;
      const old = (outcome: string, age: number) => ({
        ...{ user, outcome, at: new Date(Date.now() - age), ip: '192.0.2.1', device: 'old', place: null },
        ...{ newDevice: false, session: null },
      });
      const minute = 60_000;
      const day = 24 * 60 * minute;
      await logins.insertMany([
        ...Array.from({ length: 300 }, (_, i) => old('failure', (i + 1) * minute)),
        ...Array.from({ length: 300 }, (_, i) => old('success', day + i * minute)),
        ...Array.from({ length: 50 }, (_, i) => old('success', 91 * day + i * minute)),
      ]);
      expect((await loginsOf(ann, '?limit=100')).logins).toHaveLength(100);
      await logsIn(ann);
      await logsIn({ ...ann, password: 'a guess' });
      expect(await logins.countDocuments({ user, outcome: 'success' })).toBe(150);
      expect(await logins.countDocuments({ user, outcome: 'failure' })).toBe(50);
      expect(await logins.countDocuments({ user, at: { $lt: new Date(Date.now() - 90 * day) } })).toBe(0);
    });
  });

  describe('a device', () => {
    /** Newest first. */
    const news = async (person: Person): Promise<boolean[]> =>
      (await loginsOf(person)).logins.map(({ newDevice }) => newDevice);

    test('is new once: known again by its kind and network, whatever its version', async () => {
      const ann = await stage.person('ann');
      await logsIn(ann, { ip: '192.0.2.7' });
      await logsIn(ann, { ip: '192.0.2.200', agent: newerFirefox });
      await logsIn(ann, { ip: '192.0.2.200', agent: safari });
      await logsIn(ann, { ip: '198.51.100.7', agent: firefox });
      await logsIn(ann, { ip: '2001:db8:1:2::3' });
      await logsIn(ann, { ip: '2001:db8:1:ffff::9' });
      expect(await news(ann)).toEqual([false, true, true, true, false, true, false]);
    });

    test('is known by its cookie wherever it goes, and by the name the client has for it', async () => {
      const ann = await stage.person('ann');
      const tab = browser(deployment.here.url);
      const { username } = ann.user;
      const visit = (ip: string, agent: string) =>
        tab.asks('POST', '/api/auth/login', {
          body: { username, password: ann.password },
          headers: { 'x-forwarded-for': ip, 'user-agent': agent },
        });
      await visit('192.0.2.7', firefox);
      const cookie = tab.cookies.get('device');
      expect(cookie).toMatch(/^[\w-]{22}$/);
      expect(tab.lastSet.find((line) => line.startsWith('device='))).toMatch(
        /Max-Age=31536000; Path=\/api\/auth; .*HttpOnly; SameSite=Strict/,
      );
      await tab.asks('POST', '/api/auth/logout');
      expect(tab.cookies.get('device')).toBe(cookie);
      await visit('198.51.100.7', safari);
      expect(tab.cookies.get('device')).toBe(cookie);

      await logsIn(ann, { ip: '10.0.0.1', extra: { deviceId: 'phone-1' } });
      await logsIn(ann, { ip: '10.9.0.1', agent: safari, extra: { deviceId: 'phone-1' } });
      await logsIn(ann, { ip: '10.8.0.1', cookie: 'device=not-one-of-ours' });
      await logsIn(ann, { ip: '10.7.0.1', cookie: 'device=not-one-of-ours' });
      expect(await news(ann)).toEqual([true, true, false, true, false, true, false]);
      // What bob's browser is to ann's account, it is to nobody else's.
      const bob = await stage.person('bob');
      await logsIn(bob, { ip: '10.0.0.9', cookie: `device=${cookie}`, extra: { deviceId: 'phone-1' } });
      expect(await news(bob)).toEqual([true, false]);
    });

    test('that is new is told by mail, once, and never more than five a day', async () => {
      const ann = await stage.person('ann');
      const mails = () => mailbox.received.filter(({ to }) => to === ann.user.email);
      await logsIn(ann, { ip: '192.0.2.7' });
      await logsIn(ann, { ip: '192.0.2.8' });
      const mail = await mailbox.next({ to: ann.user.email });
      for (const words of ['Firefox 128 on Linux', '192.0.2.7', 'Bergen, Norway', ann.user.username])
        expect(mail.text).toContain(words);
      expect(mails()).toHaveLength(1);
      for (let i = 0; i < 8; i += 1) await logsIn(ann, { ip: `10.${i}.0.1` });
      expect((await news(ann)).filter(Boolean)).toHaveLength(9);
      for (let i = 0; i < 4; i += 1) await mailbox.next({ to: ann.user.email });
      // What is queued is sent in order, or nearly so: bob's comes when ann's are out.
      const bob = await stage.person('bob');
      await logsIn(bob);
      await mailbox.next({ to: bob.user.email });
      expect(mails()).toHaveLength(5);
    });

    test('of twenty sign-ins at once one is from a new device', async () => {
      const ann = await stage.person('ann');
      await Promise.all(Array.from({ length: 20 }, () => logsIn(ann, { ip: '192.0.2.7' })));
      expect((await news(ann)).filter(Boolean)).toHaveLength(1);
    });
  });
});

test('a database of places that can’t be used keeps the server from starting, in words', async () => {
  await expect(
    deploy('one process', { env: { GEOIP_DATABASE: join(folder, 'absent.mmdb') } }),
  ).rejects.toThrow(/GEOIP_DATABASE[\s\S]*absent\.mmdb, which can't be read \(ENOENT\)[\s\S]*Fix:/);
});
