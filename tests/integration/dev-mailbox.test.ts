import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { deploy, deploymentKinds, type Deployment } from '../support/deployment.js';
import { eventually } from '../support/eventually.js';
import { rest } from '../support/scene.js';

type Mails = { mails: { to: string; subject: string; text: string; html: string; at: string }[] };

describe.each(deploymentKinds)('the mailbox of development, %s', (kind) => {
  let house: Deployment;

  beforeAll(async () => {
    house = await deploy(kind, { env: { NODE_ENV: 'development', EMAIL_VERIFICATION: 'on' } });
  });
  afterAll(() => house.close());

  const mailsAt = async (url: string): Promise<Mails['mails']> =>
    (await rest<Mails>(url, 'GET', '/dev/mailbox', { headers: { accept: 'application/json' } })).body.data
      .mails;
  const register = (name: string) =>
    rest(house.here.url, 'POST', '/api/auth/register', {
      body: { username: name, email: `${name}@example.org`, password: `${name}-has-a-secret` },
    });

  test('shows what would have been mailed, newest first, on every node, and its code opens the door', async () => {
    expect((await register('ann')).status).toBe(200);
    await eventually(async () => expect(await mailsAt(house.there.url)).toHaveLength(1));
    expect((await register('bob')).status).toBe(200);
    const mails = await eventually(async () => {
      const list = await mailsAt(house.there.url);
      expect(list).toHaveLength(2);
      return list;
    });
    expect(mails.map(({ to }) => to)).toEqual(['bob@example.org', 'ann@example.org']);
    const otp = /\b\d{6}\b/.exec(mails[0]?.text ?? '')?.[0];
    const body = { email: 'bob@example.org', otp };
    expect((await rest(house.here.url, 'POST', '/api/auth/verify-otp', { body })).status).toBe(201);
  });

  test('as a page it loads and runs nothing, and a mail’s HTML stands in a frame without rights', async () => {
    const response = await fetch(`${house.here.url}/dev/mailbox`, { headers: { accept: 'text/html' } });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'; (?!.*script-src)/);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const page = await response.text();
    expect(page).toContain('ann@example.org');
    expect(page).toMatch(/<iframe sandbox title="[^"]*" loading="lazy" srcdoc="[^"<>]+">/);
    expect(page).not.toMatch(/<script|<link|<img/);
  });
});

test('is nowhere but in development', async () => {
  const house = await deploy('one process');
  const { status, body } = await rest(house.here.url, 'GET', '/dev/mailbox');
  expect([status, body.error.code]).toEqual([404, 'NOT_FOUND']);
  const { checks } = (await (await fetch(`${house.here.url}/readyz`)).json()) as { checks: object };
  expect(Object.keys(checks)).toContain('queue');
  await house.close();
});
