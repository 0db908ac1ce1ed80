import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestDatabase, type TestDatabase } from '../support/database.js';
import { startMailbox, type Mailbox } from '../support/mailbox.js';
import { openPostOffice, type PostOffice } from '../support/post-office.js';
import { startRedis, type TestRedis } from '../support/redis.js';

describe.each(['without Redis', 'with Redis'])('mail %s', (kind) => {
  let database: TestDatabase;
  let redis: TestRedis | null = null;
  let mailbox: Mailbox;
  let office: PostOffice;

  beforeAll(async () => {
    database = await startTestDatabase();
    redis = kind === 'with Redis' ? await startRedis() : null;
    mailbox = await startMailbox();
    office = await openPostOffice({
      database,
      redisUrl: redis?.url,
      env: { SMTP_URL: mailbox.url, MAIL_FROM: 'Parley <no-reply@chat.example.org>', KEY_PREFIX: 'house:' },
    });
  });

  afterAll(async () => {
    await office.close();
    await mailbox.close();
    await redis?.stop();
    await database.close();
  });

  test('arrives as one message in HTML and plain text, with subject, sender, receiver and Message-ID', async () => {
    await office.mailer.send({
      to: 'ann@example.org',
      template: 'verify-email',
      vars: { name: 'Ann Ångström', code: '123456', minutes: 5 },
      language: 'en',
    });
    const mail = await mailbox.next({ to: 'ann@example.org' });
    expect(mail.headers['content-type']).toMatch(/^multipart\/alternative/);
    expect(mail.code).toBe('123456');
    expect(mail.html).toContain('123456');
  });
});
