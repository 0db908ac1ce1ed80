import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { MfaSetup } from '../../src/contract/views.js';
import { authenticator, wrongCode } from '../support/authenticator.js';
import { deploy, deploymentKinds, type Deployment } from '../support/deployment.js';
import { startMailbox, type Mailbox } from '../support/mailbox.js';
import { connect, rest, scene, type Answer, type Person } from '../support/scene.js';
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

describe.each(deploymentKinds)('two-step sign-in, %s', (kind) => {
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
  /** At the other node. */
  const signIn = (person: Person, more: object = {}): Promise<Answer<SignedIn>> =>
    knock('login', { username: person.user.username, password: person.password, ...more }, deployment.there);
  const secondStep = (body: object, { url } = deployment.here) => knock('mfa/login', body, { url });
  const meOf = async (person: Person) =>
    (await person.rest<SignedIn>('GET', '/api/auth/me', undefined, deployment.there.url)).body.data?.user;

  describe('turning it on', () => {
    test('needs the password, and shows once what an authenticator needs', async () => {
      const ann = await stage.person('ann');
      const asked = await ann.rest('POST', '/api/auth/mfa/setup', { password: 'not hers' });
      expect(gist(asked)).toEqual([401, 'INVALID_CREDENTIALS']);
      const setup = await setUp(ann);
      expect(setup).toEqual({
        qrCode: expect.stringMatching(/^data:image\/png;base64,/),
        secret: expect.stringMatching(/^[A-Z2-7]{32}$/),
        otpauthUrl: expect.stringContaining(`issuer=Parley`),
        recoveryCodes: expect.any(Array),
      });
      expect(new Set(setup.recoveryCodes).size).toBe(10);
      expect(setup.otpauthUrl).toContain(`secret=${setup.secret}`);
    });

    test('has no effect before a code was right', async () => {
      const ann = await stage.person('ann');
      const { secret, recoveryCodes } = await setUp(ann);
      const phone = authenticator(secret);
      const wrong = { token: wrongCode(phone, time.now()) };
      expect(gist(await ann.rest('POST', '/api/auth/mfa/verify', wrong))).toEqual([
        401,
        'INVALID_CREDENTIALS',
      ]);
      expect((await meOf(ann))?.mfaEnabled).toBe(false);
      expect((await signIn(ann)).status).toBe(200);
      const recoveryCode = recoveryCodes[0];
      const asked = { password: ann.password, recoveryCode };
      expect(gist(await ann.rest('POST', '/api/auth/mfa/disable', asked))).toEqual([409, 'CONFLICT']);
      expect(gist(await ann.rest('POST', '/api/auth/mfa/recovery-codes', asked))).toEqual([409, 'CONFLICT']);

      const right = await ann.rest<SignedIn>('POST', '/api/auth/mfa/verify', {
        token: phone.code(time.now()),
      });
      expect([right.status, right.body.data.user.mfaEnabled]).toEqual([200, true]);
      expect((await meOf(ann))?.mfaEnabled).toBe(true);
      expect(gist(await signIn(ann))).toEqual([401, 'MFA_REQUIRED']);
    });

    test('is done once', async () => {
      const ann = await guarded('ann');
      const again = await ann.rest('POST', '/api/auth/mfa/setup', { password: ann.password });
      expect(gist(again)).toEqual([409, 'CONFLICT']);
      expect(gist(await ann.rest('POST', '/api/auth/mfa/verify', { token: ann.next() }))).toEqual([
        409,
        'CONFLICT',
      ]);
      expect((await signIn(ann, { mfaCode: ann.next() })).status).toBe(200);
    });

    test('by many at once with one code, on both nodes, is done once', async () => {
      const ann = await stage.person('ann');
      const token = authenticator((await setUp(ann)).secret).code(time.now());
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, i) =>
          ann.rest(
            'POST',
            '/api/auth/mfa/verify',
            { token },
            (i % 2 === 0 ? deployment.here : deployment.there).url,
          ),
        ),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(7).fill(409)]);
    });

    test('concerns the session’s user, whoever the body names', async () => {
      const { ann, bob } = await stage.people('ann', 'bob');
      const token = authenticator((await setUp(ann)).secret).code(time.now());
      const asked = { token, userId: ann.id, _id: ann.id, user: ann.id };
      expect(gist(await bob.rest('POST', '/api/auth/mfa/verify', asked))).toEqual([410, 'EXPIRED']);
      expect((await meOf(ann))?.mfaEnabled).toBe(false);
      // Ann’s own goes through, though it names Bob.
      expect((await ann.rest('POST', '/api/auth/mfa/verify', { token, userId: bob.id })).status).toBe(200);
      expect((await meOf(ann))?.mfaEnabled).toBe(true);
      expect((await meOf(bob))?.mfaEnabled).toBe(false);
    });

    test('waits for 15 minutes, and for the newest setup alone', async () => {
      const ann = await stage.person('ann');
      expect(gist(await ann.rest('POST', '/api/auth/mfa/verify', { token: '123456' }))).toEqual([
        410,
        'EXPIRED',
      ]);
      const first = authenticator((await setUp(ann)).secret);
      const second = authenticator((await setUp(ann)).secret);
      const verify = (token: string) => ann.rest('POST', '/api/auth/mfa/verify', { token });
      expect(gist(await verify(first.code(time.now())))).toEqual([401, 'INVALID_CREDENTIALS']);
      time.pass(15 * 60_000);
      expect(gist(await verify(second.code(time.now())))).toEqual([410, 'EXPIRED']);
      expect((await signIn(ann)).status).toBe(200);
    });

    test('ends the sessions that began on the password alone, but the one it was done in', async () => {
      const ann = await stage.person('ann');
      const { token } = (await signIn(ann)).body.data;
      const other = await connect(deployment.there.url, { auth: { token } });
      const own = await ann.connects();
      await turnOn(ann, time);
      await other.hears('session:revoked');
      const headers = { authorization: `Bearer ${token}` };
      for (const { url } of [deployment.here, deployment.there]) {
        expect(gist(await rest(url, 'GET', '/api/auth/me', { headers }))).toEqual([401, 'SESSION_REVOKED']);
      }
      expect(await own.asks('chat:list', {})).toMatchObject({ success: true });
      expect((await meOf(ann))?.mfaEnabled).toBe(true);
    });

    test('and off is told by mail', async () => {
      const ann = await guarded('ann');
      const on = await mailbox.next({ to: ann.user.email });
      const asked = { password: ann.password, token: ann.next() };
      expect((await ann.rest('POST', '/api/auth/mfa/disable', asked)).status).toBe(200);
      const off = await mailbox.next({ to: ann.user.email });
      expect(on.text).not.toBe(off.text);
      for (const { raw } of [on, off]) {
        for (const secret of [ann.secret, ...ann.recoveryCodes]) expect(raw).not.toContain(secret);
      }
    });
  });

  describe('signing in', () => {
    test('in two steps: the password gives a ticket and nothing else, the code a session', async () => {
      const ann = await guarded('ann');
      const first = await signIn(ann);
      expect(gist(first)).toEqual([401, 'MFA_REQUIRED']);
      expect(first.headers.getSetCookie()).toEqual([]);
      expect(first.body.data).toBeUndefined();
      const { mfaTicket } = first.body.error;
      expect(mfaTicket).toMatch(/^[\w-]{43}$/);
      expect(JSON.stringify(first.body)).not.toContain(ann.id);

      const second = await secondStep({ mfaTicket, code: ann.next() });
      expect(second.status).toBe(200);
      expect(second.body.data.user).toMatchObject({ id: ann.id, mfaEnabled: true });
      const cookies = second.headers.getSetCookie().map((line) => line.split('=', 1)[0]);
      expect(cookies).toEqual(['accessToken', 'refreshToken', 'device']);
      const headers = { authorization: `Bearer ${second.body.data.token}` };
      expect((await rest(deployment.there.url, 'GET', '/api/auth/me', { headers })).status).toBe(200);
    });

    test.each(['username', 'email'] as const)('in one step, by %s', async (by) => {
      const ann = await guarded('ann');
      const who = { [by]: ann.user[by], password: ann.password };
      const coded = await knock('login', { ...who, mfaCode: ann.next() }, deployment.here);
      expect([coded.status, coded.body.data.user?.id]).toEqual([200, ann.id]);
      const recovered = await knock(
        'login',
        { ...who, recoveryCode: ann.recoveryCodes[3] },
        deployment.there,
      );
      expect([recovered.status, typeof recovered.body.data.token]).toEqual([200, 'string']);
    });

    test('a code before or after its time by one step is taken, by two it is not', async () => {
      const ann = await guarded('ann');
      time.pass(90_000);
      const at = (offset: number) => signIn(ann, { mfaCode: ann.phone.code(time.now(), offset) });
      expect((await at(-2)).status).toBe(401);
      expect((await at(2)).status).toBe(401);
      // From the middle of a step, lest it ends while we ask.
      time.pass(15_000 - (time.now() % 30_000));
      expect((await at(-1)).status).toBe(200);
      expect((await at(0)).status).toBe(200);
      expect((await at(1)).status).toBe(200);
    });

    test('a code is taken once, and none from before it, whichever door and node it comes to', async () => {
      const ann = await guarded('ann');
      const used = ann.phone.code(time.now());
      expect(gist(await signIn(ann, { mfaCode: used }))).toEqual([401, 'INVALID_CREDENTIALS']);
      const code = ann.next();
      expect((await signIn(ann, { mfaCode: code })).status).toBe(200);
      const ticket = await ticketOf(ann, deployment.here);
      for (const old of [code, used]) {
        expect(gist(await signIn(ann, { mfaCode: old }))).toEqual([401, 'INVALID_CREDENTIALS']);
        expect(gist(await secondStep({ mfaTicket: ticket, code: old }))).toEqual([
          401,
          'INVALID_CREDENTIALS',
        ]);
        const asked = { password: ann.password, token: old };
        expect(gist(await ann.rest('POST', '/api/auth/mfa/disable', asked))).toEqual([
          401,
          'INVALID_CREDENTIALS',
        ]);
      }
      expect((await secondStep({ mfaTicket: ticket, code: ann.next() })).status).toBe(200);
    });

    test('of 12 at once with one code, on both nodes, one gets in; so with a recovery code', async () => {
      const ann = await guarded('ann');
      for (const proof of [{ mfaCode: ann.next() }, { recoveryCode: ann.recoveryCodes[0] }]) {
        const { username } = ann.user;
        const answers = await Promise.all(
          Array.from({ length: 12 }, (_, i) =>
            knock(
              'login',
              { username, password: ann.password, ...proof },
              i % 2 === 0 ? deployment.here : deployment.there,
            ),
          ),
        );
        expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(11).fill(401)]);
      }
    });

    test('recovery codes work once each, however they are typed, and are one’s own', async () => {
      const [ann, bob] = [await guarded('ann'), await guarded('bob')];
      const [one = '', two = '', three = ''] = ann.recoveryCodes;
      expect((await signIn(ann, { recoveryCode: bob.recoveryCodes[0] })).status).toBe(401);
      expect((await signIn(ann, { recoveryCode: one })).status).toBe(200);
      expect((await signIn(ann, { recoveryCode: one })).status).toBe(401);
      expect((await signIn(ann, { recoveryCode: ` ${two.toUpperCase()} ` })).status).toBe(200);
      expect((await signIn(ann, { recoveryCode: two.replaceAll('-', '') })).status).toBe(401);
      expect((await signIn(ann, { recoveryCode: three.replaceAll('-', ' ') })).status).toBe(200);
      expect((await signIn(bob, { recoveryCode: bob.recoveryCodes[0] })).status).toBe(200);
    });

    test('a wrong password with the right code and the reverse are one answer, and use up no code', async () => {
      const ann = await guarded('ann');
      const { username } = ann.user;
      const recoveryCode = ann.recoveryCodes[0];
      const mfaCode = ann.next();
      const wrong = wrongCode(ann.phone, time.now());
      const bodies: object[] = [];
      for (const body of [
        { password: 'not her password', mfaCode },
        { password: ann.password, mfaCode: wrong },
        { password: 'not her password', mfaCode: wrong },
        { password: 'not her password', recoveryCode },
        { password: ann.password, recoveryCode: '0000-0000-0000-0000' },
      ]) {
        const { status, body: answer } = await knock('login', { username, ...body }, deployment.here);
        expect(status).toBe(401);
        bodies.push({ ...answer, error: { ...answer.error, requestId: '' } });
      }
      expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1);
      const stranger = await knock(
        'login',
        { username: 'nobody.at.all', password: ann.password, mfaCode },
        deployment.here,
      );
      expect(stranger.body.error.message).toBe((bodies[0] as Answer<unknown>['body']).error.message);
      expect((await signIn(ann, { mfaCode })).status).toBe(200);
      expect((await signIn(ann, { recoveryCode })).status).toBe(200);
    });

    test('codes that nobody asked for are ignored while it is off', async () => {
      const ann = await stage.person('ann');
      const answer = await signIn(ann, { mfaCode: '123456', trustDevice: true });
      expect(answer.status).toBe(200);
      expect(answer.headers.getSetCookie().join()).not.toContain('trustedDevice');
    });
  });

  describe('turning it off, and new recovery codes', () => {
    test.each(['disable', 'recovery-codes'])(
      '%s needs both factors, and tells not which is wrong',
      async (door) => {
        const ann = await guarded('ann');
        const token = ann.next();
        const [recoveryCode] = ann.recoveryCodes;
        const ask = (body: object) => ann.rest('POST', `/api/auth/mfa/${door}`, body);
        const answers = [
          await ask({ password: 'not her password', token }),
          await ask({ password: ann.password, token: wrongCode(ann.phone, time.now()) }),
          await ask({ password: 'not her password', recoveryCode }),
          await ask({ password: ann.password, recoveryCode: '0000-0000-0000-0000' }),
        ];
        const seen = answers.map(({ status, body }) =>
          JSON.stringify([status, { ...body, error: { ...body.error, requestId: '' } }]),
        );
        expect(new Set(seen).size).toBe(1);
        expect(answers[0]?.status).toBe(401);
        for (const body of [{ password: ann.password }, { token }, { recoveryCode }]) {
          expect((await ask(body)).status).toBe(422);
        }
        expect((await meOf(ann))?.mfaEnabled).toBe(true);
        // Neither was used up.
        expect((await ask({ password: ann.password, token })).status).toBe(200);
      },
    );

    test('once off, the password is enough, and all of the old is worth nothing', async () => {
      const ann = await guarded('ann');
      const ticket = await ticketOf(ann, deployment.here);
      const off = await ann.rest<SignedIn>('POST', '/api/auth/mfa/disable', {
        password: ann.password,
        recoveryCode: ann.recoveryCodes[9],
      });
      expect([off.status, off.body.data.user.mfaEnabled]).toEqual([200, false]);
      expect((await signIn(ann)).status).toBe(200);
      const code = ann.next();
      expect(gist(await secondStep({ mfaTicket: ticket, code }))).toEqual([401, 'TOKEN_EXPIRED']);

      // Set up anew: another secret, other codes.
      const anew = await turnOn(ann, time);
      expect(anew.secret).not.toBe(ann.secret);
      expect((await signIn(ann, { mfaCode: ann.next() })).status).toBe(401);
      expect((await signIn(ann, { recoveryCode: ann.recoveryCodes[0] })).status).toBe(401);
      expect((await signIn(ann, { mfaCode: anew.next() })).status).toBe(200);
    });

    test('ten new codes, and the old die', async () => {
      const ann = await guarded('ann');
      const { status, body } = await ann.rest<Pick<MfaSetup, 'recoveryCodes'>>(
        'POST',
        '/api/auth/mfa/recovery-codes',
        { password: ann.password, token: ann.next() },
      );
      expect([status, Object.keys(body.data)]).toEqual([200, ['recoveryCodes']]);
      const { recoveryCodes } = body.data;
      expect(new Set([...recoveryCodes, ...ann.recoveryCodes]).size).toBe(20);
      expect((await signIn(ann, { recoveryCode: ann.recoveryCodes[0] })).status).toBe(401);
      expect((await signIn(ann, { recoveryCode: recoveryCodes[0] })).status).toBe(200);
    });
  });
});
