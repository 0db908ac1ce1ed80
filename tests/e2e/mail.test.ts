import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { startTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { startMailbox, type Mailbox, type ReceivedMail } from '../support/mailbox.js';
import { buildIfNeeded, deploy, type Deployment, type ParleyProcess } from '../support/process.js';
import { redisContents } from '../support/redis-contents.js';
import { redisCommand, startRedis, type TestRedis } from '../support/redis.js';
import { rest } from '../support/scene.js';

/** Each death costs a start, and the time until a job is taken for lost; a busy machine takes its own. */
jest.setTimeout(120_000);

/** A job whose worker was killed is taken for lost after ten seconds, and looked for every five. */
const GIVEN_BACK_MS = 40_000;

/** Processes as people start them: one answers requests, another works the queue, and dies at the worst moments. */
describe('mail, when the process that sends it is killed', () => {
  let database: TestDatabase;
  let redis: TestRedis;
  let mailbox: Mailbox;
  let house: Deployment;
  let web: ParleyProcess;
  let worker: ParleyProcess;

  const env = (roles: string): Record<string, string> => ({
    ...{ MONGODB_URI: database.uri, REDIS_URL: redis.url, SMTP_URL: mailbox.url, ROLES: roles },
    ...{ EMAIL_VERIFICATION: 'on', RATE_LIMIT_SCALE: '1000', LOG_LEVEL: 'debug' },
    JWT_SECRET: 'a secret of the tests, long enough to be taken for a real one',
    MAIL_FROM: 'no-reply@chat.example.org',
  });
  const startWorker = async (): Promise<void> => {
    worker = await house.start(env('notifications'));
    await worker.up();
  };
  const register = async (name: string): Promise<string> => {
    const email = `${name}@example.org`;
    const { status, body } = await rest<object>(web.url, 'POST', '/api/auth/register', {
      body: { username: name, email, password: `${name}-has-a-secret` },
    });
    expect([status, body.data]).toEqual([200, { email, expiresIn: 300, resendIn: 60 }]);
    return email;
  };
  const copiesOf = (to: string): ReceivedMail[] => mailbox.received.filter((mail) => mail.to === to);
  /** Calls `then` when a whole mail has come in and before it is answered; the answer waits for `then`. */
  const whenSent = (then: () => Promise<void>): Promise<void> =>
    new Promise((resolve) => {
      mailbox.behave({
        beforeTaking: async () => {
          mailbox.behave({ beforeTaking: null });
          await then().finally(resolve);
        },
      });
    });
  const nothingLeft = (): Promise<void> =>
    eventually(
      async () => {
        for (const [command, list] of [
          ['LLEN', 'wait'],
          ['LLEN', 'active'],
          ['ZCARD', 'delayed'],
          ['ZCARD', 'failed'],
        ] as const)
          expect([list, await redisCommand(redis.port, command, `{jobs}:mail:${list}`)]).toEqual([
            list,
            ':0',
          ]);
      },
      { timeoutMs: GIVEN_BACK_MS },
    );

  beforeAll(async () => {
    buildIfNeeded();
    database = await startTestDatabase();
    redis = await startRedis();
    mailbox = await startMailbox();
    house = await deploy();
    web = await house.start(env('auth,chat,realtime,files'));
    await web.up();
    await startWorker();
  });

  afterAll(async () => {
    await house.close();
    await mailbox.close();
    await redis.stop();
    await database.close();
  });

  test('in good order: one mail, and its code opens the door', async () => {
    const email = await register('ann');
    const mail = await mailbox.next({ to: email });
    const { status } = await rest(web.url, 'POST', '/api/auth/verify-otp', {
      body: { email, otp: mail.code },
    });
    expect(status).toBe(201);
    await nothingLeft();
    expect(copiesOf(email)).toHaveLength(1);
    const { checks } = (await (await fetch(`${worker.url}/readyz`)).json()) as {
      checks: Record<string, { ok: boolean; latencyMs: number }>;
    };
    expect(checks['queue']?.ok).toBe(true);
    expect(checks['queue']?.latencyMs).toBeLessThan(1_000);
  });

  test('before the server has taken it: it is sent by the next, once', async () => {
    const killed = whenSent(async () => {
      await worker.end('SIGKILL');
      throw new Error('The line is dead.');
    });
    const email = await register('bob');
    await killed;
    expect(copiesOf(email)).toHaveLength(0);
    await startWorker();
    await mailbox.next({ to: email, timeoutMs: GIVEN_BACK_MS });
    await nothingLeft();
    expect(copiesOf(email)).toHaveLength(1);
  });

  test('after the server has taken it and before that is written down: one more copy at most, the same', async () => {
    const frozen = whenSent(async () => redis.freeze());
    const sending = register('cid');
    const email = 'cid@example.org';
    await mailbox.next({ to: email });
    await frozen;
    await worker.end('SIGKILL');
    redis.thaw();
    await sending.catch(() => undefined);
    await startWorker();
    await nothingLeft();
    const copies = copiesOf(email);
    expect([1, 2]).toContain(copies.length);
    expect(new Set(copies.map(({ messageId }) => messageId)).size).toBe(1);
    expect(new Set(copies.map(({ code }) => code)).size).toBe(1);
  });

  test('after it is written down: no other copy', async () => {
    const email = await register('dan');
    await mailbox.next({ to: email });
    const marks = async (): Promise<number> =>
      ((await redisContents(redis.url)).match(/"mail:sent:/g) ?? []).length;
    await eventually(async () => expect(await marks()).toBeGreaterThanOrEqual(4), { everyMs: 1 });
    await worker.end('SIGKILL');
    await startWorker();
    await nothingLeft();
    expect(copiesOf(email)).toHaveLength(1);
  });

  test('no code was ever in Redis or in a log', async () => {
    await mailbox.down();
    const email = await register('eve');
    const contents = await eventually(async () => {
      const text = await redisContents(redis.url);
      expect(text).toContain('mail.send');
      return text;
    });
    await mailbox.up();
    const { code } = await mailbox.next({ to: email, timeoutMs: GIVEN_BACK_MS });
    expect(code).toMatch(/^\d{6}$/);
    const alone = (text: string) => new RegExp(`(?<![\\dA-Za-z])${code}(?![\\dA-Za-z])`).test(text);
    expect(alone(contents)).toBe(false);
    expect(alone(await redisContents(redis.url))).toBe(false);
    for (const one of [web, worker]) {
      for (const mail of mailbox.received) expect(one.output()).not.toContain(mail.code);
      expect(one.output()).not.toContain('@example.org');
    }
  });
});
