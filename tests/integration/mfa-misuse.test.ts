import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { authenticator, wrongCode } from '../support/authenticator.js';
import { canary } from '../support/bad-values.js';
import { deploy, deploymentKinds, type Deployment } from '../support/deployment.js';
import { redisCommand } from '../support/redis.js';
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

const wrong = [401, 'INVALID_CREDENTIALS'];
const worthless = [401, 'TOKEN_EXPIRED'];

describe.each(deploymentKinds)('a ticket, %s', (kind) => {
  const time = movableTime();
  let deployment: Deployment;
  let stage: ReturnType<typeof scene>;
  beforeAll(async () => {
    deployment = await deploy(kind, { clock: time.now });
  });
  afterAll(() => deployment.close());
  beforeEach(() => {
    stage = scene(deployment.here);
  });
  afterEach(() => stage.close());

  const guarded = async (name: string): Promise<Guarded> => turnOn(await stage.person(name), time);
  const secondStep = (body: object, { url } = deployment.there) => knock('mfa/login', body, { url });

  test('opens nothing but the second step', async () => {
    const ann = await guarded('ann');
    const ticket = await ticketOf(ann, deployment.here);
    for (const { url } of [deployment.here, deployment.there]) {
      for (const headers of [
        { authorization: `Bearer ${ticket}` },
        { cookie: `accessToken=${ticket}` },
        { cookie: `refreshToken=${ticket}` },
        {
          cookie: `accessToken=${ticket}; refreshToken=${ticket}; trustedDevice=${ticket}; device=${ticket}`,
        },
      ]) {
        for (const [method, path] of [
          ['GET', '/api/auth/me'],
          ['POST', '/api/auth/refresh'],
          ['POST', '/api/auth/logout-all'],
          ['POST', '/api/auth/mfa/disable'],
        ] as const) {
          const body = method === 'GET' ? {} : { body: {} };
          expect([path, (await rest(url, method, path, { headers, ...body })).status]).toEqual([path, 401]);
        }
      }
      await expect(connect(url, { auth: { token: ticket } })).rejects.toThrow();
      await expect(connect(url, { extraHeaders: { cookie: `accessToken=${ticket}` } })).rejects.toThrow();
    }
    const { username } = ann.user;
    const asTrusted = await knock(
      'login',
      { username, password: ann.password },
      { url: deployment.here.url, cookie: `trustedDevice=${ticket}` },
    );
    expect(gist(asTrusted)).toEqual([401, 'MFA_REQUIRED']);
    expect((await secondStep({ mfaTicket: ticket, code: ann.next() })).status).toBe(200);
  });

  test('is nothing else’s name', async () => {
    const ann = await guarded('ann');
    const code = ann.next();
    for (const mfaTicket of [
      ...[ann.token, ann.id, ann.secret, 'nonsense', 'x'.repeat(256), randomBytes(32).toString('base64url')],
      ...['mfa:ticket:*', '*', '../..', '__proto__', '💥'],
    ]) {
      expect(gist(await secondStep({ mfaTicket, code }))).toEqual(worthless);
    }
  });

  test('is one person’s', async () => {
    const [ann, bob] = [await guarded('ann'), await guarded('bob')];
    const mfaTicket = await ticketOf(ann, deployment.here);
    expect(gist(await secondStep({ mfaTicket, code: bob.next() }))).toEqual(wrong);
    expect(gist(await secondStep({ mfaTicket, recoveryCode: bob.recoveryCodes[0] }))).toEqual(wrong);
    const { body } = await secondStep({ mfaTicket, code: ann.next() });
    expect(body.data.user.id).toBe(ann.id);
  });

  test('survives a wrong code, and is worth one session', async () => {
    const ann = await guarded('ann');
    const mfaTicket = await ticketOf(ann, deployment.here);
    expect(gist(await secondStep({ mfaTicket, code: wrongCode(ann.phone, time.now()) }))).toEqual(wrong);
    expect((await secondStep({ mfaTicket, code: ann.next() })).status).toBe(200);
    expect(gist(await secondStep({ mfaTicket, code: ann.next() }))).toEqual(worthless);
  });

  test('shown at once with several recovery codes is worth one session, and uses up one', async () => {
    const ann = await guarded('ann');
    const mfaTicket = await ticketOf(ann, deployment.here);
    const answers = await Promise.all(
      ann.recoveryCodes.map((recoveryCode, i) =>
        secondStep({ mfaTicket, recoveryCode }, i % 2 === 0 ? deployment.here : deployment.there),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(9).fill(401)]);
    const { connection } = await deployment.database();
    const [stored] = await connection.collection('users').find({ username: ann.user.username }).toArray();
    expect((stored?.['mfa'] as { recovery: string[] }).recovery).toHaveLength(9);
  });

  test('lives for five minutes', async () => {
    const ann = await guarded('ann');
    const mfaTicket = await ticketOf(ann, deployment.here);
    const other = await ticketOf(ann, deployment.here);
    time.pass(4 * 60_000);
    expect((await secondStep({ mfaTicket, code: ann.next() })).status).toBe(200);
    time.pass(30_000);
    expect(gist(await secondStep({ mfaTicket: other, code: ann.next() }))).toEqual(worthless);
  });

  test('dies with the password it came from', async () => {
    const ann = await guarded('ann');
    const mfaTicket = await ticketOf(ann, deployment.here);
    const newPassword = `${ann.password} anew`;
    const change = { currentPassword: ann.password, newPassword };
    expect((await ann.rest('POST', '/api/auth/change-password', change)).status).toBe(200);
    const code = ann.next();
    expect(gist(await secondStep({ mfaTicket, code }))).toEqual(worthless);
    const fresh = await ticketOf({ ...ann, password: newPassword }, deployment.there);
    expect((await secondStep({ mfaTicket: fresh, code })).status).toBe(200);
  });

  test('is kept as a hash only; so are recovery codes, and secrets sealed', async () => {
    const ann = await guarded('ann');
    const bob = await stage.person('bob');
    const waiting = await setUp(bob);
    const ticket = await ticketOf(ann, deployment.here);
    const { connection } = await deployment.database();
    const documents = await Promise.all(
      (await connection.listCollections()).map(({ name }) => connection.collection(name).find().toArray()),
    );
    const kept = [JSON.stringify(documents)];
    if (deployment.redis !== null) {
      const script = `"local all = {} for _, k in ipairs(redis.call('KEYS', '*')) do all[#all + 1] = k if redis.call('TYPE', k).ok == 'string' then all[#all + 1] = redis.call('GET', k) end end return table.concat(all, ' ')"`;
      kept.push(await redisCommand(deployment.redis.port, 'EVAL', script, '0'));
      expect(kept[1]).toContain('mfa:ticket:');
      expect(kept[1]).toContain(`mfa:setup:${bob.id}`);
    }
    expect(kept[0]).toContain(ann.user.username);
    for (const text of kept) {
      for (const secret of [
        ann.secret,
        ...ann.recoveryCodes,
        waiting.secret,
        ...waiting.recoveryCodes,
        ticket,
      ]) {
        expect(text).not.toContain(secret);
        expect(text).not.toContain(secret.replaceAll('-', ''));
        expect(text).not.toContain(Buffer.from(secret).toString('base64url'));
      }
    }
  });
});

describe('guessing the second factor', () => {
  const time = movableTime();
  let guardedNodes: Deployment;
  let stage: ReturnType<typeof scene>;
  beforeAll(async () => {
    const env = { RATE_LIMIT_SCALE: '1', RATE_LIMIT_ANONYMOUS: '100000/15m', TRUST_PROXY: '1' };
    guardedNodes = await deploy('two nodes', { clock: time.now, env });
    stage = scene(guardedNodes.here);
  });
  afterAll(() => guardedNodes.close());

  let turn = 0;
  const place = () => {
    turn += 1;
    return `203.0.113.${turn}`;
  };
  /** From an address; without one from that of Ann’s session. The nodes take turns. */
  const ask = (path: string, body: object, from?: string): Promise<Answer<SignedIn>> => {
    turn += 1;
    const { url } = turn % 2 === 0 ? guardedNodes.here : guardedNodes.there;
    return knock(path, body, { url, ...(from === undefined ? {} : { from }) });
  };
  const login = ({ user, password }: Person, more: object, from?: string) =>
    ask('login', { username: user.username, password, ...more }, from);
  const ticket = (ann: Person, from?: string) =>
    ticketOf(ann, { url: guardedNodes.here.url, ...(from === undefined ? {} : { from }) });
  const guarded = async (): Promise<Guarded> => turnOn(await stage.person('ann'), time);
  const bad = (ann: Guarded): string => wrongCode(ann.phone, time.now());

  test('strangers have five tries together, by whichever door; the owner at home has her own', async () => {
    const ann = await guarded();
    const [one, two] = [await ticket(ann, place()), await ticket(ann, place())];
    const tries = [
      await ask('mfa/login', { mfaTicket: one, code: bad(ann) }, place()),
      await login(ann, { mfaCode: bad(ann) }, place()),
      await ask('mfa/login', { mfaTicket: two, code: bad(ann) }, place()),
      await login(ann, { mfaCode: bad(ann) }, place()),
      await ask('mfa/login', { mfaTicket: one, code: bad(ann) }, place()),
    ];
    expect(tries.map(gist)).toEqual(Array.from({ length: 5 }, () => wrong));
    const sixth = await ask('mfa/login', { mfaTicket: one, code: ann.next() }, place());
    expect(gist(sixth)).toEqual([429, 'LIMITED']);
    expect(Number(sixth.headers.get('retry-after'))).toBeGreaterThan(60);
    expect(gist(await login(ann, { mfaCode: ann.next() }, place()))).toEqual([429, 'LIMITED']);

    expect((await login(ann, { mfaCode: ann.next() })).status).toBe(200);
    const home = await ticket(ann);
    expect((await ask('mfa/login', { mfaTicket: home, code: ann.next() })).status).toBe(200);
    // Nor is she lost elsewhere: recovery codes are counted apart.
    const recoveryCode = ann.recoveryCodes[0];
    expect((await ask('mfa/login', { mfaTicket: one, recoveryCode }, place())).status).toBe(200);
  });

  test('at home five, by whichever door; and elsewhere the owner still gets in', async () => {
    const ann = await guarded();
    const mfaTicket = await ticket(ann);
    const asked = { password: ann.password };
    const signedInDoor = (path: string, token: string) =>
      ann.rest('POST', `/api/auth/mfa/${path}`, { ...asked, token });
    const tries = [
      await ask('mfa/login', { mfaTicket, code: bad(ann) }),
      await signedInDoor('disable', bad(ann)),
      await signedInDoor('recovery-codes', bad(ann)),
      await ask('mfa/login', { mfaTicket, code: bad(ann) }),
      await signedInDoor('disable', bad(ann)),
    ];
    expect(tries.map(gist)).toEqual(Array.from({ length: 5 }, () => wrong));
    expect(gist(await ask('mfa/login', { mfaTicket, code: ann.next() }))).toEqual([429, 'LIMITED']);
    expect(gist(await signedInDoor('disable', ann.next()))).toEqual([429, 'LIMITED']);
    const from = place();
    const elsewhere = await ticket(ann, from);
    expect((await ask('mfa/login', { mfaTicket: elsewhere, code: ann.next() }, from)).status).toBe(200);
  });

  test('of many at once no more than five are looked at', async () => {
    const ann = await guarded();
    const mfaTicket = await ticket(ann, place());
    const answers = await Promise.all(
      Array.from({ length: 24 }, () => ask('mfa/login', { mfaTicket, code: bad(ann) }, place())),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([...Array<number>(5).fill(401), ...Array<number>(19).fill(429)]);
  });

  test('the first code of a setup can’t be guessed either', async () => {
    const ann = await stage.person('ann');
    const { secret } = await setUp(ann);
    const phone = authenticator(secret);
    const verify = (token: string) => ann.rest('POST', '/api/auth/mfa/verify', { token });
    for (let i = 0; i < 5; i += 1) {
      expect(gist(await verify(wrongCode(phone, time.now())))).toEqual(wrong);
    }
    expect(gist(await verify(phone.code(time.now())))).toEqual([429, 'LIMITED']);
  });

  test('what is right is not counted', async () => {
    const ann = await guarded();
    const from = place();
    for (let i = 0; i < 7; i += 1) {
      expect((await login(ann, { mfaCode: ann.next() }, from)).status).toBe(200);
    }
  });

  test('worthless tickets are an address’s failures, but keep nobody out who lives there', async () => {
    const ann = await guarded();
    const office = place();
    expect((await login(ann, { mfaCode: ann.next() }, office)).status).toBe(200);
    const guess = () =>
      ask('mfa/login', { mfaTicket: randomBytes(32).toString('base64url'), code: '123456' }, office);
    for (let i = 0; i < 5; i += 1) expect(gist(await guess())).toEqual(worthless);
    expect(gist(await guess())).toEqual([429, 'LIMITED']);
    const mfaTicket = await ticket(ann, office);
    expect((await ask('mfa/login', { mfaTicket, code: ann.next() }, office)).status).toBe(200);
  });
});

describe('what is no input', () => {
  let deployment: Deployment;
  let ann: Guarded;
  const time = movableTime();
  beforeAll(async () => {
    deployment = await deploy('one process', { clock: time.now });
    ann = await turnOn(await scene(deployment.here).person('ann'), time);
  });
  afterAll(() => deployment.close());

  const long = canary.repeat(1_800);
  const notText = [true, 7, 123_456, 1.5, [], ['123456'], {}, [canary], { $ne: canary }, { $gt: '' }];
  const codes = [
    ...[
      ...notText,
      '',
      ' ',
      '12345',
      '1234567',
      '123 456',
      '12345a',
      '１２３４５６',
      '123456\n',
      long,
      '-12345',
    ],
    ...['0x1234', '1e5000', canary],
  ];
  const recovery = [...notText, '', '0000', '0000-0000-0000-00000', '0000_0000_0000_0000', long, canary];
  const passwords = [...notText, null, '', long];
  const flags = ['true', 'false', 0, 1, [], {}, long];
  const right = { token: '123456', recoveryCode: '0000-0000-0000-0000', password: 'any password' };
  const { token, recoveryCode, password } = right;
  const who = { username: 'ann', password };
  const mfaTicket = 'x'.repeat(43);

  test.each([
    ['login', 'mfaCode', { ...who }, codes],
    ['login', 'recoveryCode', { ...who }, recovery],
    ['login', 'trustDevice', { ...who }, flags],
    ['mfa/login', 'mfaTicket', { code: token }, [...notText, null, '', ' ', long]],
    ['mfa/login', 'code', { mfaTicket }, codes],
    ['mfa/login', 'recoveryCode', { mfaTicket }, recovery],
    ['mfa/login', 'trustDevice', { mfaTicket, code: token }, flags],
    ['mfa/setup', 'password', {}, passwords],
    ['mfa/verify', 'token', {}, [...codes, null]],
    ['mfa/disable', 'password', { token }, passwords],
    ['mfa/disable', 'token', { password }, codes],
    ['mfa/disable', 'recoveryCode', { password }, recovery],
    ['mfa/recovery-codes', 'password', { token }, passwords],
    ['mfa/recovery-codes', 'token', { password }, codes],
    ['mfa/recovery-codes', 'recoveryCode', { password }, recovery],
  ] as const)('%s: %s', async (path, field, rest, values) => {
    for (const value of values) {
      const { status, body } = await ann.rest('POST', `/api/auth/${path}`, { ...rest, [field]: value });
      expect([value, status, body.error?.details?.map((detail) => detail.field)]).toEqual([
        value,
        422,
        [field],
      ]);
      expect(JSON.stringify(body)).not.toContain(canary);
    }
  });

  test.each([
    ['login', { ...who, mfaCode: token, recoveryCode }, 'recoveryCode'],
    ['mfa/login', { mfaTicket, code: token, recoveryCode }, 'recoveryCode'],
    ['mfa/login', { mfaTicket }, 'code'],
    ['mfa/disable', { password, token, recoveryCode }, 'recoveryCode'],
    ['mfa/disable', { password }, 'token'],
    ['mfa/recovery-codes', { password, token, recoveryCode }, 'recoveryCode'],
    ['mfa/recovery-codes', { password }, 'token'],
  ])('%s takes one proof, neither both nor none: %j', async (path, body, field) => {
    const answer = await ann.rest('POST', `/api/auth/${path}`, body);
    expect([answer.status, answer.body.error.details?.[0]?.field]).toEqual([422, field]);
  });

  test.each(['setup', 'verify', 'disable', 'recovery-codes'])('nobody in particular may %s', async (path) => {
    const answer = await knock(`mfa/${path}`, right, deployment.here);
    expect(gist(answer)).toEqual([401, 'UNAUTHENTICATED']);
  });

  test('and nothing has changed', async () => {
    const { user } = (await ann.rest<SignedIn>('GET', '/api/auth/me')).body.data;
    expect(user.mfaEnabled).toBe(true);
    const { username } = ann.user;
    const more = { username, password: ann.password };
    expect((await knock('login', { ...more, mfaCode: ann.next() }, deployment.here)).status).toBe(200);
    for (const code of ann.recoveryCodes) {
      expect((await knock('login', { ...more, recoveryCode: code }, deployment.here)).status).toBe(200);
    }
  });
});
