import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Logger } from '../../src/platform/logging/logger.js';
import { createSmtpTransport } from '../../src/platform/mail/smtp-transport.js';
import { startTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { startMailbox, type Mailbox } from '../support/mailbox.js';
import { openPostOffice, type PostOffice } from '../support/post-office.js';
import { redisContents } from '../support/redis-contents.js';
import { startRedis, type TestRedis } from '../support/redis.js';

/** Mail through the queue to a real SMTP server. (With the doors and with processes that die: tests/e2e/mail.test.ts.) */
describe.each(['without Redis', 'with Redis'])('mail %s', (kind) => {
  let database: TestDatabase;
  let redis: TestRedis | null = null;
  let mailbox: Mailbox;
  const offices: PostOffice[] = [];
  const lines: string[] = [];

  beforeAll(async () => {
    database = await startTestDatabase();
    redis = kind === 'with Redis' ? await startRedis() : null;
    mailbox = await startMailbox();
  });
  afterEach(async () => {
    mailbox.behave({ refuse: null, beforeTaking: null, delayMs: 0 });
    await Promise.all(offices.splice(0).map((office) => office.close()));
  });
  afterAll(async () => {
    await mailbox.close();
    await redis?.stop();
    await database.close();
  });

  async function open(options: Partial<Parameters<typeof openPostOffice>[0]> = {}): Promise<PostOffice> {
    const office = await openPostOffice({
      ...{ database, redisUrl: redis?.url, logger: listening(lines), ...options },
      env: { SMTP_URL: mailbox.url, MAIL_FROM: 'Parley <no-reply@chat.example.org>', ...options.env },
    });
    offices.push(office);
    return office;
  }
  const code = (to: string, rest: { code?: string; name?: string; language?: string } = {}) => ({
    ...{ to, template: 'verify-email' as const, language: rest.language ?? 'en' },
    vars: { name: rest.name ?? 'Ann', code: rest.code ?? '135791', minutes: 5 },
  });

  test('arrives as one message in HTML and plain text, with subject, sender, receiver and Message-ID', async () => {
    const { mailer } = await open();
    await mailer.send(code('ann@example.org', { name: 'Ann Ångström' }));
    const mail = await mailbox.next({ to: 'ann@example.org' });
    expect(mail).toMatchObject({
      from: 'no-reply@chat.example.org',
      subject: 'Your code to confirm your e-mail address',
      code: '135791',
      encrypted: true,
    });
    expect(mail.email.from).toEqual({ name: 'Parley', address: 'no-reply@chat.example.org' });
    expect(mail.email.to?.map(({ address }) => address)).toEqual(['ann@example.org']);
    expect(mail.messageId).toMatch(/^<[\da-f-]{36}@chat\.example\.org>$/);
    expect(mail.headers['content-type']).toMatch(/^multipart\/alternative/);
    expect(mail.headers).toMatchObject({ 'auto-submitted': 'auto-generated', 'content-language': 'en' });
    for (const part of [mail.text, mail.html]) {
      expect(part).toContain('Hello Ann Ångström,');
      expect(part).toContain('135791');
    }
  });

  test('speaks the language of who gets it', async () => {
    const { mailer } = await open();
    await mailer.send(code('udo@example.org', { language: 'fr, de-CH;q=0.9, en;q=0.4' }));
    const mail = await mailbox.next({ to: 'udo@example.org' });
    expect(mail.subject).toBe('Dein Code zur Bestätigung deiner E-Mail-Adresse');
    expect(mail.text).toContain('Der Code gilt 5 Minuten.');
    expect(mail.html).toContain('Viele Grüße');
  });

  test('goes to one address and has no header but ours, whatever the address and the name look like', async () => {
    const { mailer, queue } = await open();
    const before = mailbox.received.length;
    const bad = [
      'a@example.org, b@example.org',
      'a@example.org\r\nBcc: b@example.org',
      '<a@x.org> b@y.org',
      'x',
    ];
    for (const to of bad) await mailer.send(code(to));
    await mailer.send(code('eve@example.org', { name: 'Eve\r\nBcc: victim@example.org\r\n\r\nFree money' }));
    const mail = await mailbox.next({ to: 'eve@example.org' });
    expect(mail.headers).not.toHaveProperty('bcc');
    expect(mail.raw.split('\r\n\r\n')[0]).not.toContain('victim');
    await eventually(async () => expect(await queue.deadLetters.list()).toHaveLength(bad.length));
    expect(mailbox.received).toHaveLength(before + 1);
    for (const { id } of await queue.deadLetters.list()) await queue.deadLetters.discard(id);
  });

  test('is tried again when the server says "later", and its sender does not wait', async () => {
    const { mailer } = await open();
    mailbox.behave({ refuse: { status: 451, times: 1 } });
    await mailer.send(code('later@example.org'));
    await mailbox.next({ to: 'later@example.org' });
    mailbox.behave({ refuse: { status: 421, times: 1, at: 'data' }, delayMs: 1_000 });
    const start = performance.now();
    await mailer.send(code('slow@example.org'));
    expect(performance.now() - start).toBeLessThan(500);
    const mail = await mailbox.next({ to: 'slow@example.org' });
    expect(mailbox.received.filter(({ messageId }) => messageId === mail.messageId)).toHaveLength(1);
  });

  test('waits out a server that is down', async () => {
    const { mailer } = await open();
    await mailbox.down();
    await mailer.send(code('down@example.org'));
    await eventually(() => expect(lines.some((line) => line.includes('will be tried again'))).toBe(true));
    await mailbox.up();
    await mailbox.next({ to: 'down@example.org' });
  });

  test('is a dead letter after the last try, or when it is refused for good, and can be sent then', async () => {
    const { mailer, queue } = await open();
    mailbox.behave({ refuse: { status: 450 } });
    await mailer.send(code('last@example.org'));
    const [worn] = await eventually(async () => {
      const list = await queue.deadLetters.list();
      expect(list).toHaveLength(1);
      return list;
    });
    expect(worn).toMatchObject({ attempts: 8, reason: 'SMTP 450 at RCPT TO (EENVELOPE)' });

    mailbox.behave({ refuse: { status: 550 } });
    await mailer.send(code('gone@example.org'));
    await eventually(async () => expect(await queue.deadLetters.list()).toHaveLength(2));
    const refused = (await queue.deadLetters.list()).find(({ id }) => id !== worn?.id);
    expect(refused).toMatchObject({ attempts: 1, reason: 'SMTP 550 at RCPT TO (EENVELOPE)' });

    mailbox.behave({ refuse: null });
    expect(await queue.deadLetters.requeueAll()).toBe(2);
    await mailbox.next({ to: 'last@example.org' });
    await mailbox.next({ to: 'gone@example.org' });
    await eventually(async () =>
      expect((await queue.counts())['mail']).toMatchObject({ dead: 0, active: 0 }),
    );
  });

  test('opens with a key that was rotated out, and is a dead letter when no key opens it', async () => {
    const [old, fresh, foreign] = [randomBytes(32), randomBytes(32), randomBytes(32)];
    const adding = await open({ keys: [old], works: false });
    await adding.mailer.send(code('rotated@example.org'));
    const working = await open({ keys: [fresh, old] });
    await mailbox.next({ to: 'rotated@example.org' });

    const other = await open({ keys: [foreign], works: false });
    await other.mailer.send(code('nobody@example.org'));
    const [letter] = await eventually(async () => {
      const list = await working.queue.deadLetters.list();
      expect(list).toHaveLength(1);
      return list;
    });
    expect(letter?.reason).toMatch(/^No key opens this mail/);
    await working.queue.deadLetters.discard(letter?.id ?? '');
  });

  test('is not sent once its code has expired', async () => {
    const { mailer } = await open();
    await mailer.send({ ...code('late@example.org'), vars: { name: 'Ann', code: '135791', minutes: -1 } });
    await mailer.send(code('intime@example.org'));
    await mailbox.next({ to: 'intime@example.org' });
    await eventually(() => expect(lines.some((line) => line.includes('its code has expired'))).toBe(true));
    expect(mailbox.received.some(({ to }) => to === 'late@example.org')).toBe(false);
  });

  test('is in clear neither in the queue nor in a log', async () => {
    const { mailer } = await open();
    const secrets = { code: 'canary7Q', name: 'CanaryName', to: 'canary@mailbox.example.org' };
    mailbox.behave({ refuse: { status: 550, at: 'data' } });
    await mailer.send(code(secrets.to, secrets));
    await eventually(async () => expect(await offices[0]?.queue.deadLetters.list()).toHaveLength(1));
    const jobs = (await database.connect()).connection.collection('jobs');
    const kept =
      redis === null ? JSON.stringify(await jobs.find().toArray()) : await redisContents(redis.url);
    expect(kept).toContain('mail.send');
    for (const secret of Object.values(secrets)) {
      expect(kept).not.toContain(secret);
      expect(lines.join('\n')).not.toContain(secret);
    }
    mailbox.behave({ refuse: null });
    await offices[0]?.queue.deadLetters.requeueAll();
    await mailbox.next({ to: secrets.to });
    for (const secret of Object.values(secrets)) expect(lines.join('\n')).not.toContain(secret);
  });

  if (kind === 'with Redis') {
    test('is sent once by two nodes that work one queue, under the key prefix', async () => {
      const env = { KEY_PREFIX: 'house:' };
      const [adding] = await Promise.all([open({ env, works: false }), open({ env }), open({ env })]);
      const people = Array.from({ length: 40 }, (_, n) => `n${n}@twice.example.org`);
      await Promise.all(people.map((to) => adding.mailer.send(code(to))));
      for (const to of people) await mailbox.next({ to });
      await eventually(async () =>
        expect((await adding.queue.counts())['mail']).toMatchObject({ active: 0 }),
      );
      const got = mailbox.received.filter(({ to }) => to.endsWith('@twice.example.org'));
      expect(got).toHaveLength(40);
      const contents = JSON.parse(await redisContents(redis?.url ?? '')) as unknown[];
      const mine = contents.filter((one) => typeof one === 'string' && /^house:/.test(one));
      expect(mine.length).toBeGreaterThan(40);
    });

    test('does not fail its sender while the queue is out of reach', async () => {
      const own = await startRedis();
      const { mailer } = await open({ redisUrl: own.url });
      own.freeze();
      await mailer.send(code('away@example.org'));
      expect(lines.some((line) => line.includes('could not be queued'))).toBe(true);
      expect(lines.join('\n')).not.toContain('away@example.org');
      own.thaw();
      await Promise.all(offices.splice(0).map((office) => office.close()));
      await own.stop();
    });
  }
});

describe('the line to the mail server', () => {
  const mail = {
    ...{ messageId: '<1@example.org>', to: 'ann@example.org', subject: 'Hi', text: 'Hi', html: '<p>Hi</p>' },
    ...{ language: 'en', at: new Date() },
  };
  const send = async (url: string, anyCertificate: boolean): Promise<void> => {
    const transport = createSmtpTransport({ url, from: 'no-reply@example.org', anyCertificate });
    try {
      await transport.send(mail, { signal: new AbortController().signal });
    } finally {
      transport.close();
    }
  };

  test('production refuses a certificate that it can’t verify; elsewhere it is taken', async () => {
    const mailbox = await startMailbox();
    await expect(send(mailbox.url, false)).rejects.toThrow(/could not be used/);
    expect(mailbox.received).toEqual([]);
    await send(mailbox.url, true);
    expect(mailbox.received).toMatchObject([{ encrypted: true }]);
    await mailbox.close();
  });

  test('goes on in clear where no TLS is offered, but not with ?tls=required', async () => {
    const mailbox = await startMailbox({ smtp: { disabledCommands: ['STARTTLS'], hideSTARTTLS: true } });
    await expect(send(`${mailbox.url}?tls=required`, true)).rejects.toThrow(/could not be used|SMTP/);
    expect(mailbox.received).toEqual([]);
    await send(mailbox.url, true);
    expect(mailbox.received).toMatchObject([{ encrypted: false }]);
    await mailbox.close();
  });

  test('signs in with the credentials of the address, which are in no error', async () => {
    const mailbox = await startMailbox({
      smtp: {
        authOptional: false,
        onAuth: ({ username, password }, _session, done) => {
          if (username === 'us/er' && password === 'p@ss%') done(null, { user: username });
          else done(Object.assign(new Error(`Bad password ${password ?? ''}`), { responseCode: 535 }));
        },
      },
    });
    const url = (credentials: string): string => mailbox.url.replace('//', `//${credentials}@`);
    await expect(send(url('user:sesame'), true)).rejects.toThrow(/^SMTP 535 .*\(EAUTH\)$/);
    await send(url('us%2Fer:p%40ss%25'), true);
    expect(mailbox.received).toHaveLength(1);
    await mailbox.close();
  });

  test('a server that says nothing is left', async () => {
    const mailbox = await startMailbox({ beforeTaking: () => new Promise(() => undefined) });
    const transport = createSmtpTransport({ url: mailbox.url, from: 'a@example.org', anyCertificate: true });
    const controller = new AbortController();
    const sending = transport.send(mail, { signal: controller.signal });
    const aborted = expect(sending).rejects.toThrow();
    controller.abort();
    await aborted;
    transport.close();
    await mailbox.close();
  });
});

/** Keeps what a server would write into its log, before redaction. */
function listening(lines: string[]): Logger {
  const write = (message: string, fields?: object): void =>
    void lines.push(
      JSON.stringify([message, fields], (_key, value: unknown) =>
        value instanceof Error ? [value.message, value.stack, value.cause] : value,
      ),
    );
  const logger: Logger = { debug: write, info: write, warn: write, error: write, child: () => logger };
  return logger;
}
