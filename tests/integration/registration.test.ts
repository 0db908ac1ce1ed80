import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  account,
  authClient,
  otherThan,
  refusal,
  type Account,
  type AuthClient,
} from '../support/accounts.js';
import { captureLog, type CapturedLog } from '../support/captured-log.js';
import { deploy, deploymentKinds, type Deployment } from '../support/deployment.js';
import { startMailbox, type Mailbox } from '../support/mailbox.js';
import { redisCommand } from '../support/redis.js';
import type { Answer } from '../support/scene.js';

const wrong = {
  status: 401,
  error: { code: 'INVALID_CREDENTIALS', message: 'This code is wrong or has expired.' },
};
const usedUp = {
  status: 410,
  error: { code: 'EXPIRED', message: 'This code has expired. Please ask for a new one.' },
};

let mailbox: Mailbox;
beforeAll(async () => {
  mailbox = await startMailbox();
});
afterAll(() => mailbox.close());

const sentTo = ({ email }: Account) => ({ email, expiresIn: 300, resendIn: 60 });
const statuses = (answers: readonly Answer<unknown>[]) => answers.map(({ status }) => status);
const times = <T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));

describe.each(deploymentKinds)('registering by mailed code on %s', (kind) => {
  let deployment: Deployment;
  let auth: AuthClient;
  let log: CapturedLog;
  beforeAll(async () => {
    log = captureLog();
    deployment = await deploy(kind, { env: { SMTP_URL: mailbox.url }, logger: log.logger });
    auth = authClient(deployment);
  });
  afterAll(() => deployment.close());

  const inDatabase = async (filter: object): Promise<number> =>
    (await deployment.database()).connection.collection('users').countDocuments(filter);
  const verify = (who: Account, otp: string) => auth.post('verify-otp', { email: who.email, otp });
  const register = async (who: Account): Promise<string> => {
    const answer = await auth.post('register', who);
    expect([answer.status, answer.body.data]).toEqual([200, sentTo(who)]);
    return (await mailbox.next({ to: who.email })).code;
  };

  test('a code is mailed, and nobody is in the database before it is typed', async () => {
    const ann = account();
    const answer = await auth.post('register', {
      ...ann,
      email: ` ${ann.email.toUpperCase()} `,
      firstName: 'Änn',
    });
    expect([answer.status, answer.body.data]).toEqual([200, sentTo(ann)]);
    expect(answer.headers.getSetCookie()).toEqual([]);
    const mail = await mailbox.next({ to: ann.email });
    // Which registration the code is for; and no text of a stranger's choosing.
    expect(mail.text).toContain(ann.username);
    expect(mail.text).not.toContain('Änn');
    expect(await inDatabase({ email: ann.email })).toBe(0);
    expect((await auth.post('login', ann)).status).toBe(401);

    const verified = await verify(ann, mail.code);
    expect(verified.status).toBe(201);
    const { user, token } = verified.body.data;
    expect(user).toMatchObject({
      username: ann.username,
      email: ann.email,
      isVerified: true,
      firstName: 'Änn',
    });
    expect(await auth.alive(token ?? '')).toBe(true);
    expect(verified.headers.getSetCookie().map((cookie) => cookie.split('=', 1)[0])).toEqual([
      'accessToken',
      'refreshToken',
      'device',
    ]);
    expect((await auth.post('login', ann)).body.data.user.id).toBe(user.id);
    // The code is spent, and says nothing of what it was.
    expect(refusal(await verify(ann, mail.code))).toEqual(wrong);
  });

  test('a client that keeps no tokens gets none in the body', async () => {
    const ann = account();
    const otp = await register(ann);
    const headers = { 'x-token-delivery': 'cookie' };
    const { status, body } = await auth.post('verify-otp', { email: ann.email, otp }, { headers });
    expect([status, body.data.token]).toEqual([201, undefined]);
  });

  test('of 20 right codes at once one is taken', async () => {
    const ann = account();
    const otp = await register(ann);
    const answers = await times(20, () => verify(ann, otp));
    expect(statuses(answers).filter((status) => status === 201)).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 201))
      expect([wrong, usedUp]).toContainEqual(refusal(answer));
    expect(await inDatabase({ email: ann.email })).toBe(1);
    const { connection } = await deployment.database();
    const user = await connection.collection('users').findOne({ email: ann.email });
    expect(await connection.collection('sessions').countDocuments({ user: user?._id })).toBe(1);
  });

  test('five tries are all there are, one by one or 20 at once; then the right code is none', async () => {
    const [ann, bob] = [account(), account('bob')];
    const [hers, his] = [await register(ann), await register(bob)];
    for (let i = 0; i < 7; i += 1)
      expect(refusal(await verify(ann, otherThan(hers)))).toEqual(i < 5 ? wrong : usedUp);
    const guesses = await times(20, () => verify(bob, otherThan(his)));
    expect(guesses.filter(({ status }) => status === 401)).toHaveLength(5);
    expect(guesses.filter(({ status }) => status === 410)).toHaveLength(15);
    expect(refusal(await verify(ann, hers))).toEqual(usedUp);
    expect(refusal(await verify(bob, his))).toEqual(usedUp);
    expect(await inDatabase({ email: { $in: [ann.email, bob.email] } })).toBe(0);
  });

  test('four wrong ones and the right one is in time', async () => {
    const ann = account();
    const otp = await register(ann);
    for (let i = 0; i < 4; i += 1) expect((await verify(ann, otherThan(otp))).status).toBe(401);
    expect((await verify(ann, otp)).status).toBe(201);
  });

  test('an address that nobody registered answers as one with a code, try by try', async () => {
    const [ann, nobody] = [account(), account('nobody')];
    const otp = await register(ann);
    for (let i = 0; i < 7; i += 1) {
      const known = await verify(ann, otherThan(otp));
      const unknown = await verify(nobody, otherThan(otp));
      expect(refusal(unknown)).toEqual(refusal(known));
      expect([...unknown.headers.keys()].sort()).toEqual([...known.headers.keys()].sort());
    }
  });

  test("nobody's code opens another's registration", async () => {
    const [ann, bob] = [account(), account('bob')];
    const [hers, his] = [await register(ann), await register(bob)];
    if (hers !== his) {
      expect(refusal(await verify(ann, his))).toEqual(wrong);
      expect(refusal(await verify(bob, hers))).toEqual(wrong);
    }
    expect((await verify(bob, his)).body.data.user.username).toBe(bob.username);
  });

  test('who finds the username taken meanwhile is told so, and may take another at once', async () => {
    const [ann, rival] = [account(), account('rival')];
    const hers = await register(ann);
    const his = await register({ ...rival, username: ann.username.toUpperCase() });
    expect((await verify(rival, his)).status).toBe(201);
    const late = await verify(ann, hers);
    expect([late.status, late.body.error.code]).toEqual([409, 'TAKEN']);
    expect(late.body.error.details).toEqual([{ field: 'username', message: 'is taken already' }]);
    const otp = await register({ ...ann, username: `${ann.username}2` });
    expect((await verify(ann, otp)).status).toBe(201);
  });

  test('who finds the address taken meanwhile is told so, having proved that it is his', async () => {
    const ann = account();
    const otp = await register(ann);
    const other = account();
    await auth.joins(other, mailbox);
    const { connection } = await deployment.database();
    await connection.collection('users').updateOne({ email: other.email }, { $set: { email: ann.email } });
    const { status, body } = await verify(ann, otp);
    expect([status, body.error.details?.[0]?.field]).toEqual([409, 'email']);
    expect(await inDatabase({ email: ann.email })).toBe(1);
  });

  test('what is taken is told by open registration, in any letter case, and mails nobody', async () => {
    const ann = account();
    await auth.joins(ann, mailbox);
    for (const [again, field] of [
      [{ ...account(), email: ann.email.toUpperCase() }, 'email'],
      [{ ...account(), username: ann.username.toUpperCase() }, 'username'],
      [ann, 'username'],
    ] as const) {
      const { status, body } = await auth.post('register', again);
      expect([status, body.error.code, body.error.details?.[0]?.field]).toEqual([409, 'TAKEN', field]);
    }
    // Later mail has come, and none of these.
    await auth.joins(account(), mailbox);
    expect(mailbox.received.filter(({ to }) => to === ann.email)).toHaveLength(1);
  });

  test('a code a minute for one address, whether or not there is anything to confirm', async () => {
    const [ann, nobody] = [account(), account('nobody')];
    await register(ann);
    const first = await auth.post('resend-otp', { email: nobody.email });
    expect([first.status, first.body.data]).toEqual([200, sentTo(nobody)]);
    for (const again of [
      await auth.post('register', ann),
      await auth.post('register', { ...account(), email: nobody.email }),
      await auth.post('resend-otp', { email: ann.email }),
      await auth.post('resend-otp', { email: nobody.email }),
    ]) {
      expect([again.status, again.body.error.code]).toEqual([429, 'LIMITED']);
      const wait = Number(again.headers.get('retry-after'));
      expect(wait).toBeGreaterThan(30);
      expect(wait).toBeLessThanOrEqual(60);
    }
    // Twenty at once are one.
    const eve = account('eve');
    const answers = await times(20, () => auth.post('register', eve));
    expect(statuses(answers).sort()).toEqual([200, ...Array.from({ length: 19 }, () => 429)]);
  });

  test('the most common passwords are refused before anything is sent', async () => {
    const ann = account();
    const { status, body } = await auth.post('register', { ...ann, password: 'iloveyou' });
    expect([status, body.error.details?.[0]?.field]).toEqual([422, 'password']);
    expect((await auth.post('register', ann)).status).toBe(200);
  });

  test('two passwords that share 72 bytes are two', async () => {
    const ann = { ...account(), password: `${'x'.repeat(72)}one` };
    expect((await verify(ann, await register(ann))).status).toBe(201);
    expect((await auth.post('login', { ...ann, password: `${'x'.repeat(72)}two` })).status).toBe(401);
    expect((await auth.post('login', ann)).status).toBe(200);
  });

  test('no line of the log holds an address, a password or a code', async () => {
    const ann = account();
    const otp = await register(ann);
    await verify(ann, otherThan(otp));
    const { body } = await verify(ann, otp);
    const text = log.text();
    expect(text).toContain('/api/auth/verify-otp');
    for (const secret of [ann.email, ann.password, `'${otp}'`, body.data.token ?? '-', '$2b$'])
      expect(text).not.toContain(secret);
  });
});

describe('what can not be registered', () => {
  let deployment: Deployment;
  let auth: AuthClient;
  let log: CapturedLog;
  beforeAll(async () => {
    log = captureLog();
    deployment = await deploy('one process', { env: { SMTP_URL: mailbox.url }, logger: log.logger });
    auth = authClient(deployment);
  });
  afterAll(() => deployment.close());

  const canary = 'c4n4ry';
  const notText = [true, 7, 1.5, [], {}, [canary], { $ne: '' }, { $gt: canary }, null, undefined];
  const addresses = [
    ...[
      ...notText,
      '',
      canary,
      'a@b',
      `${canary}\0@b.co`,
      `${canary}@b.co\r\nBcc: x@y.org`,
      `${canary}@b.co\n`,
    ],
    ...[`${'x'.repeat(10_240)}@b.co`, `${canary}\u202e@b.co`, `\uff41nn@b.co`, `a@ex\u0430mple.org`],
    ...[[`${canary}@b.co`], { email: 'a@b.co' }],
  ];
  const codes = [
    ...[...notText, '', '12345', '1234567', ' 123456', '123456 ', '123 456', '123456\n', '12345a', '١٢٣٤٥٦'],
    ...[123456, ['123456'], { 0: '1' }, '123456\0', canary.repeat(1_800)],
  ];
  const rows: Record<string, Record<string, unknown[]>> = {
    register: {
      username: [
        ...[
          ...notText,
          '',
          'ab',
          'a'.repeat(31),
          'a b c',
          'аnn',
          'ann\u200b',
          'ａnn',
          'nul\0l',
          'x'.repeat(10_240),
        ],
        ...['ann\r\nBcc: x', '<b>ann', '../ann', 'ann\n'],
      ],
      email: addresses,
      password: [...notText, '', '7 chars', 'x'.repeat(129), canary.repeat(1_800)],
      firstName: [...notText.slice(0, -2), '', ' ', 'n'.repeat(51)],
      lastName: [...notText.slice(0, -2), '', ' ', 'n'.repeat(51)],
    },
    'verify-otp': { email: addresses, otp: codes },
    'resend-otp': { email: addresses },
  };
  const right: Record<string, object> = {
    register: account(),
    'verify-otp': { email: 'nobody@example.org', otp: '123456' },
    'resend-otp': { email: 'nobody@example.org' },
  };

  test.each(
    Object.entries(rows).flatMap(([path, fields]) => Object.keys(fields).map((field) => [path, field])),
  )('%s refuses a wrong %s, and nothing of it remains', async (path, field) => {
    const before = log.lines.length;
    const values = rows[path]?.[field] ?? [];
    for (const value of values) {
      const { status, body } = await auth.post(path, { ...right[path], [field]: value });
      expect([value, status, body.error?.details?.map((each) => each.field)]).toEqual([value, 422, [field]]);
      expect(JSON.stringify(body)).not.toContain(canary);
    }
    const lines = log.lines.slice(before).filter(({ message }) => message === 'request');
    expect(lines).toHaveLength(values.length);
  });

  test('nor is there a word of it in the log', () => {
    expect(log.text()).toContain('/api/auth/verify-otp');
    expect(log.text()).not.toContain(canary);
  });

  test('fields that nobody asked for change nothing', async () => {
    const eve = account('eve');
    const extra = {
      role: 'admin',
      isVerified: true,
      userId: '0'.repeat(24),
      passwordHash: 'x',
      code: '123456',
    };
    await auth.post('register', { ...eve, ...extra });
    const { code } = await mailbox.next({ to: eve.email });
    const { body } = await auth.post('verify-otp', { email: eve.email, otp: code, ...extra });
    expect(body.data.user.id).not.toBe(extra.userId);
    const { connection } = await deployment.database();
    expect(await connection.collection('users').countDocuments({ email: eve.email, role: 'user' })).toBe(1);
  });
});

describe('what waits for its code, between two nodes', () => {
  let deployment: Deployment;
  let auth: AuthClient;
  let port: number;
  beforeAll(async () => {
    deployment = await deploy('two nodes', { env: { SMTP_URL: mailbox.url, KEY_PREFIX: 'house:' } });
    auth = authClient(deployment);
    port = deployment.redis?.port ?? 0;
  });
  afterAll(() => deployment.close());

  const verify = (who: Account, otp: string) => auth.post('verify-otp', { email: who.email, otp });
  const pending = ({ email }: Account) => `house:register:${email}`;
  const pause = ({ email }: Account) => `house:register:ratelimit:${email}`;
  const secondsLeft = async (key: string) => Number((await redisCommand(port, 'TTL', key)).slice(1));
  const codeOf = async (who: Account): Promise<string> => (await mailbox.next({ to: who.email })).code;

  test('lies there under the names that operators know, for 300 s, without password or code', async () => {
    const ann = account();
    await auth.post('register', ann);
    const otp = await codeOf(ann);
    expect(await secondsLeft(pending(ann))).toBeGreaterThan(280);
    expect(await secondsLeft(pending(ann))).toBeLessThanOrEqual(300);
    expect(await secondsLeft(pause(ann))).toBeGreaterThan(40);
    expect(await secondsLeft(pause(ann))).toBeLessThanOrEqual(60);
    const kept = await redisCommand(port, 'GET', pending(ann));
    expect(JSON.parse(kept)).toMatchObject({ payload: { username: ann.username, email: ann.email } });
    expect(kept).toContain('$2b$');
    expect(kept).not.toContain(ann.password);
    expect(kept).not.toContain(otp);
    // Afterwards nothing is left of it, not even the pause.
    expect((await verify(ann, otp)).status).toBe(201);
    for (const key of [pending(ann), pause(ann)]) expect(await redisCommand(port, 'EXISTS', key)).toBe(':0');
  });

  test('is gone when its time is over, and then answers as if it had never been', async () => {
    const ann = account();
    await auth.post('register', ann);
    const otp = await codeOf(ann);
    await redisCommand(port, 'PEXPIRE', pending(ann), '1');
    expect(refusal(await verify(ann, otp))).toEqual(wrong);
    await auth.endPause(pause(ann));
    expect((await auth.post('resend-otp', { email: ann.email })).status).toBe(200);
    expect(refusal(await verify(ann, otp))).toEqual(wrong);
  });

  test('gets another code, with tries of its own, and the one before is none', async () => {
    const ann = account();
    await auth.post('register', ann);
    const first = await codeOf(ann);
    for (let i = 0; i < 6; i += 1) await verify(ann, otherThan(first));
    await auth.endPause(pause(ann));
    const again = await auth.post('resend-otp', { email: ann.email });
    expect([again.status, again.body.data]).toEqual([200, sentTo(ann)]);
    const second = await codeOf(ann);
    if (first !== second) expect(refusal(await verify(ann, first))).toEqual(wrong);
    const { status, body } = await verify(ann, second);
    expect([status, body.data.user.username]).toEqual([201, ann.username]);
  });

  test('a second registration takes its place, and neither code confirms the other', async () => {
    const ann = account();
    const eve = { ...account('eve'), email: ann.email };
    await auth.post('register', ann);
    const hers = await codeOf(ann);
    await auth.endPause(pause(ann));
    await auth.post('register', eve);
    const mail = await mailbox.next({ to: ann.email });
    // Ann's first code is not turned into a yes to Eve's password; and the second mail tells whose it is.
    if (hers !== mail.code) expect(refusal(await verify(ann, hers))).toEqual(wrong);
    expect(mail.text).toContain(eve.username);
    expect(mail.text).not.toContain(ann.username);
    await auth.endPause(pause(ann));
    await auth.post('register', ann);
    expect((await verify(ann, await codeOf(ann))).body.data.user.username).toBe(ann.username);
    expect((await auth.post('login', { email: ann.email, password: eve.password })).status).toBe(401);
    expect((await auth.post('login', { email: ann.email, password: ann.password })).status).toBe(200);
  });

  test('without the key store nobody can register, which is told; and the mail server may be away', async () => {
    const ann = account();
    await mailbox.down();
    expect((await auth.post('register', ann)).status).toBe(200);
    await mailbox.up();
    deployment.redis?.freeze();
    for (const [path, body] of [
      ['register', account()],
      ['verify-otp', { email: ann.email, otp: '123456' }],
      ['resend-otp', { email: account().email }],
    ] as const) {
      const answer = await auth.post(path, body);
      expect([path, answer.status, answer.body.error.code]).toEqual([path, 503, 'UNAVAILABLE']);
    }
    deployment.redis?.thaw();
  });
});

describe.each(deploymentKinds)('silent registration on %s', (kind) => {
  let deployment: Deployment;
  let auth: AuthClient;
  beforeAll(async () => {
    deployment = await deploy(kind, { env: { SMTP_URL: mailbox.url, REGISTER_DISCLOSURE: 'silent' } });
    auth = authClient(deployment);
  });
  afterAll(() => deployment.close());

  test('of a taken address answers as of a free one, and its owner hears of it', async () => {
    const ann = account();
    await auth.joins(ann, mailbox);
    const [eve, fred] = [{ ...account('eve'), email: ann.email }, account('fred')];
    const [taken, free] = [await auth.post('register', eve), await auth.post('register', fred)];
    expect([taken.status, taken.body]).toEqual([200, { ...free.body, data: sentTo(eve) }]);
    expect([...taken.headers.keys()].sort()).toEqual([...free.headers.keys()].sort());
    const mail = await mailbox.next({ to: ann.email });
    expect([mail.code, mail.text.includes(ann.username)]).toEqual(['', true]);
    const otp = (await mailbox.next({ to: fred.email })).code;
    for (let i = 0; i < 7; i += 1) {
      const guess = { otp: otherThan(otp) };
      const [his, hers] = [
        await auth.post('verify-otp', { ...guess, email: fred.email }),
        await auth.post('verify-otp', { ...guess, email: eve.email }),
      ];
      expect(refusal(hers)).toEqual(refusal(his));
    }
    for (const { email } of [eve, fred]) {
      const again = await auth.post('resend-otp', { email });
      expect([again.status, again.body.error.code]).toEqual([429, 'LIMITED']);
    }
    expect((await auth.post('login', { email: ann.email, password: eve.password })).status).toBe(401);
    expect((await auth.post('login', ann)).status).toBe(200);
  });

  test('tells of taken usernames, which are public, and by them of no address', async () => {
    const ann = account();
    await auth.joins(ann, mailbox);
    const named = (email: string) => auth.post('register', { ...account(), username: ann.username, email });
    const [own, free] = [await named(ann.email), await named(account().email)];
    expect([own.status, own.body.error.details?.[0]?.field]).toEqual([409, 'username']);
    expect(refusal(own)).toEqual(refusal(free));
  });
});

describe('guessing codes', () => {
  let guarded: Deployment;
  let auth: AuthClient;
  beforeAll(async () => {
    guarded = await deploy('two nodes', {
      env: {
        ...{ RATE_LIMIT_SCALE: '1', RATE_LIMIT_ANONYMOUS: '100000/15m', TRUST_PROXY: '1' },
        SMTP_URL: mailbox.url,
      },
    });
    auth = authClient(guarded);
  });
  afterAll(() => guarded.close());

  const registered = async (from: string): Promise<{ email: string; otp: string }> => {
    const who = account();
    expect((await auth.post('register', who, { from })).status).toBe(200);
    return { email: who.email, otp: (await mailbox.next({ to: who.email })).code };
  };

  test('ends after five failures at one address, whichever codes they were for', async () => {
    const from = '198.51.100.1';
    const [ann, bob] = [await registered('198.51.100.2'), await registered('198.51.100.2')];
    const guess = (at: { email: string; otp: string }) =>
      auth.post('verify-otp', { email: at.email, otp: otherThan(at.otp) }, { from });
    expect(statuses([await guess(ann), await guess(ann), await guess(bob)])).toEqual([401, 401, 401]);
    expect(statuses([await guess(bob), await guess(bob)])).toEqual([401, 401]);
    const limited = await auth.post('verify-otp', bob, { from });
    expect([limited.status, limited.body.error.code]).toEqual([429, 'LIMITED']);
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(60);
    // Elsewhere the code is still good.
    expect((await auth.post('verify-otp', bob, { from: '198.51.100.3' })).status).toBe(201);
  });

  test('of one code ends with the code, which is told to who is limited as well', async () => {
    const from = '198.51.100.10';
    const ann = await registered(from);
    const guess = () => auth.post('verify-otp', { email: ann.email, otp: otherThan(ann.otp) }, { from });
    const answers = [
      await guess(),
      await guess(),
      await guess(),
      await guess(),
      await guess(),
      await guess(),
    ];
    expect(statuses(answers)).toEqual([401, 401, 401, 401, 401, 410]);
  });

  test('does not count what succeeds: an office joins from one address', async () => {
    const from = '198.51.100.20';
    for (let i = 0; i < 8; i += 1) await auth.joins(account(), mailbox, from);
  });

  test('has codes mailed to one address five times an hour, wherever they are asked for', async () => {
    const ann = account();
    const answers = [];
    for (let i = 0; i < 6; i += 1) {
      answers.push(await auth.post('register', ann, { from: `198.51.101.${i}` }));
      await auth.endPause(`register:ratelimit:${ann.email}`);
    }
    expect(statuses(answers)).toEqual([200, 200, 200, 200, 200, 429]);
  });
});
