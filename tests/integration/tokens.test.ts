import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createHmac, randomBytes } from 'node:crypto';
import jwt from 'jsonwebtoken';
import type { OwnUser } from '../../src/contract/views.js';
import { browser, type Browser } from '../support/browser.js';
import { deploy, type Deployment } from '../support/deployment.js';
import { connect, rest } from '../support/scene.js';

const secrets = {
  ACCESS_TOKEN_SECRET: 'p3Q9vX7mZr2Lk8Tn5Wc1Yb6Hd4Gs0Jf-access',
  REFRESH_TOKEN_SECRET: 'h8Rt2Kx6Vn4Mq9Bz1Cw7Ls3Dy5Pf0Gj-refresh',
};
const allowed = 'https://app.example.org';

type SignedIn = { user: OwnUser; token?: string };
type Account = { username: string; email: string; password: string };

let deployment: Deployment;
let ann: Account;
let tab: Browser;
beforeAll(async () => {
  deployment = await deploy('two nodes', { env: { ...secrets, CORS_ORIGINS: allowed } });
});
afterAll(() => deployment.close());
beforeEach(async () => {
  ann = account();
  tab = browser(deployment.here.url);
  await tab.asks('POST', '/api/auth/register', { body: ann });
});

function account(): Account {
  const tag = randomBytes(4).toString('hex');
  return { username: `ann_${tag}`, email: `ann.${tag}@example.org`, password: `${tag} is a secret` };
}

describe('refreshing', () => {
  const present = async (
    refreshToken: string,
    url = deployment.here.url,
  ): Promise<Browser & { status: number }> => {
    const one = browser(url, [['refreshToken', refreshToken]]);
    const { status } = await one.asks('POST', '/api/auth/refresh');
    return Object.assign(one, { status });
  };
  const codeOf = async (refreshToken: string): Promise<[number, string | undefined]> => {
    const one = browser(deployment.there.url, [['refreshToken', refreshToken]]);
    const { status, body } = await one.asks('POST', '/api/auth/refresh');
    return [status, body.error?.code];
  };

  test('gives a new pair and no token in the body', async () => {
    const before = new Map(tab.cookies);
    const { status, body } = await tab.asks('POST', '/api/auth/refresh');
    expect(status).toBe(200);
    expect(JSON.stringify(body)).not.toMatch(/eyJ/);
    for (const name of ['accessToken', 'refreshToken'])
      expect(tab.cookies.get(name)).not.toBe(before.get(name));
    expect((await tab.asks<SignedIn>('GET', '/api/auth/me')).body.data.user.username).toBe(ann.username);
  });

  test('20 times at once on two nodes gives one successor, and nobody is logged out', async () => {
    const first = tab.cookies.get('refreshToken') ?? '';
    const tabs = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        present(first, i % 2 === 0 ? deployment.here.url : deployment.there.url),
      ),
    );
    expect(tabs.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    const successors = new Set(tabs.map(({ cookies }) => cookies.get('refreshToken')));
    expect(successors.size).toBe(1);
    for (const one of tabs) expect((await one.asks('GET', '/api/auth/me')).status).toBe(200);
    expect((await present([...successors][0] ?? '')).status).toBe(200);
  });

  test('with a used token after the grace kills the whole family, its sockets too', async () => {
    const first = tab.cookies.get('refreshToken') ?? '';
    await tab.asks('POST', '/api/auth/refresh');
    const second = tab.cookies.get('refreshToken') ?? '';
    const cookie = `accessToken=${tab.cookies.get('accessToken')}`;
    const ear = await connect(deployment.there.url, { extraHeaders: { cookie } });
    const { connection } = await deployment.database();
    const longAgo = new Date(Date.now() - 11_000);
    await connection
      .collection('sessions')
      .updateMany({ rotatedAt: { $ne: null } }, { $set: { rotatedAt: longAgo } });

    expect(await codeOf(first)).toEqual([401, 'TOKEN_REUSED']);
    await ear.hears('session:revoked');
    expect(await codeOf(second)).toEqual([401, 'SESSION_REVOKED']);
    expect((await tab.asks('GET', '/api/auth/me')).status).toBe(401);
  });

  test('takes no token but the right one', async () => {
    const { cookies } = tab;
    expect(await codeOf('nonsense')).toEqual([401, 'UNAUTHENTICATED']);
    expect(await codeOf(cookies.get('accessToken') ?? '')).toEqual([401, 'UNAUTHENTICATED']);
    const without = await rest(deployment.here.url, 'POST', '/api/auth/refresh');
    expect([without.status, without.body.error.code]).toEqual([401, 'UNAUTHENTICATED']);
    const refreshToken = cookies.get('refreshToken') ?? '';
    await tab.asks('POST', '/api/auth/logout');
    expect([...tab.cookies.keys()]).toEqual(['device']);
    expect(await codeOf(refreshToken)).toEqual([401, 'SESSION_REVOKED']);
  });

  test('logging out works with the refresh cookie alone, when the access cookie has expired', async () => {
    const refreshToken = tab.cookies.get('refreshToken') ?? '';
    tab.cookies.delete('accessToken');
    expect((await tab.asks('POST', '/api/auth/logout')).status).toBe(200);
    expect(await codeOf(refreshToken)).toEqual([401, 'SESSION_REVOKED']);
  });
});

describe('cookies', () => {
  const attributes = (line: string): string[] =>
    line
      .split('; ')
      .slice(1)
      .filter((part) => !part.startsWith('Expires'))
      .sort();

  test('are out of reach of scripts and other sites, and the refresh cookie of all but /api/auth', () => {
    const [access, refresh, device] = tab.lastSet;
    expect(tab.lastSet).toHaveLength(3);
    expect(access).toMatch(/^accessToken=eyJ/);
    expect(attributes(access ?? '')).toEqual(['HttpOnly', 'Max-Age=900', 'Path=/', 'SameSite=Strict']);
    expect(refresh).toMatch(/^refreshToken=eyJ/);
    expect(attributes(refresh ?? '')).toEqual([
      'HttpOnly',
      'Max-Age=604800',
      'Path=/api/auth',
      'SameSite=Strict',
    ]);
    // By which the browser is known again; it is no key to anything.
    expect(device).toMatch(/^device=[\w-]{22};/);
    expect(attributes(device ?? '')).toEqual(attributes((refresh ?? '').replace('604800', '31536000')));
  });

  test('are taken back by logging out', async () => {
    await tab.asks('POST', '/api/auth/logout', { headers: { origin: allowed } });
    expect(tab.lastSet.map((line) => line.split(';', 1)[0])).toEqual(['accessToken=', 'refreshToken=']);
    expect(tab.lastSet.every((line) => line.includes('Expires=Thu, 01 Jan 1970'))).toBe(true);
    expect(tab.lastSet.map((line) => /Path=[^;]+/.exec(line)?.[0])).toEqual(['Path=/', 'Path=/api/auth']);
  });

  test('spare the body its token, for a client that asks for that', async () => {
    const { username, password } = ann;
    const headers = { 'x-token-delivery': 'cookie' };
    const quiet = await tab.asks<SignedIn>('POST', '/api/auth/login', {
      body: { username, password },
      headers,
    });
    expect(Object.keys(quiet.body.data)).toEqual(['user']);
    expect(tab.lastSet).toHaveLength(3);
    const plain = await tab.asks<SignedIn>('POST', '/api/auth/login', { body: { username, password } });
    expect(Object.keys(plain.body.data).sort()).toEqual(['token', 'user']);
  });

  test.each([
    ['cookie', { COOKIE_DOMAIN: 'example.org', COOKIE_SAMESITE: 'lax' }],
    ['bearer', {}],
  ] as const)('AUTH_TRANSPORT=%s', async (transport, env) => {
    const server = await deploy('one process', { env: { AUTH_TRANSPORT: transport, ...env } });
    try {
      const { url } = server.here;
      const one = browser(url);
      const { body } = await one.asks<SignedIn>('POST', '/api/auth/register', { body: ann });
      const { token } = body.data;
      const bearer = await rest(url, 'GET', '/api/auth/me', {
        headers: { authorization: `Bearer ${token}` },
      });
      const byToken = connect(url, { auth: { token } });
      if (transport === 'cookie') {
        expect(token).toBeUndefined();
        expect(one.lastSet.every((line) => /Domain=example\.org.*SameSite=Lax/.test(line))).toBe(true);
        expect((await one.asks('GET', '/api/auth/me')).status).toBe(200);
        expect((await one.asks('POST', '/api/auth/refresh')).status).toBe(200);
        const cookie = `accessToken=${one.cookies.get('accessToken')}`;
        expect(bearer.status).toBe(401);
        await expect(connect(url, { auth: { token: one.cookies.get('accessToken') } })).rejects.toThrow();
        (await connect(url, { extraHeaders: { cookie } })).close();
        await expect(byToken).rejects.toThrow();
      } else {
        expect(one.lastSet).toEqual([]);
        expect(bearer.status).toBe(200);
        const withCookie = browser(url, [['accessToken', token ?? '']]);
        expect((await withCookie.asks('GET', '/api/auth/me')).status).toBe(401);
        const extraHeaders = { cookie: `accessToken=${token}` };
        await expect(connect(url, { extraHeaders })).rejects.toThrow();
        (await byToken).close();
      }
    } finally {
      await server.close();
    }
  });
});

describe('what another site makes a browser do', () => {
  const rename = (headers: Record<string, string>) =>
    tab.asks('PUT', '/api/users/me/status', { body: { status: 'busy' }, headers });
  const evil = 'https://evil.example';

  test.each([
    ['no browser at all', {}, 200],
    ['an allowed page', { origin: allowed }, 200],
    ['a page of this server', { 'sec-fetch-site': 'same-origin' }, 200],
    ['an address typed in', { 'sec-fetch-site': 'none' }, 200],
    ['an allowed page, by its Referer', { referer: `${allowed}/chat?x=1` }, 200],
    ['a foreign page', { origin: evil }, 403],
    ['a page like ours', { origin: 'https://app.example.org.evil.example' }, 403],
    ['our page without TLS', { origin: 'http://app.example.org' }, 403],
    ['a page without an origin', { origin: 'null' }, 403],
    ['a foreign page, by its Referer', { referer: `${evil}/${allowed}` }, 403],
    ['a broken Referer', { referer: 'app.example.org' }, 403],
    ['a foreign page that names a good Referer', { origin: evil, referer: allowed }, 403],
    ['another site', { 'sec-fetch-site': 'cross-site' }, 403],
    ['a sister site', { 'sec-fetch-site': 'same-site' }, 403],
  ])('is refused where it should be: %s', async (_who, headers, status) => {
    const answer = await rename(headers);
    expect([answer.status, answer.body.error?.code]).toEqual([
      status,
      status === 403 ? 'CSRF_REJECTED' : undefined,
    ]);
  });

  test('reads are not its concern, bearers neither', async () => {
    expect((await tab.asks('GET', '/api/auth/me', { headers: { origin: evil } })).status).toBe(200);
    const { body } = await tab.asks<SignedIn>('POST', '/api/auth/login', { body: ann });
    const headers = { origin: evil, authorization: `Bearer ${body.data.token}` };
    expect((await rename(headers)).status).toBe(200);
  });

  test.each([
    ['POST', '/api/auth/logout'],
    ['GET', '/api/auth/logout'],
    ['POST', '/api/auth/logout-all'],
    ['POST', '/api/auth/refresh'],
  ])('%s %s changes something too', async (method, path) => {
    const headers = { 'sec-fetch-site': 'cross-site' };
    const { status, body } = await tab.asks(method, path, { headers });
    expect([status, body.error?.code]).toEqual([403, 'CSRF_REJECTED']);
    expect((await tab.asks('GET', '/api/auth/me')).status).toBe(200);
  });
});

describe('a token', () => {
  const meWith = async (token: string): Promise<[number, string | undefined]> => {
    const headers = { authorization: `Bearer ${token}` };
    const { status, body } = await rest(deployment.there.url, 'GET', '/api/auth/me', { headers });
    return [status, body.error?.code];
  };
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const unauthenticated = [401, 'UNAUTHENTICATED'];

  test('is good as it was signed, and in no other form', async () => {
    const good = tab.cookies.get('accessToken') ?? '';
    const { ACCESS_TOKEN_SECRET: secret, REFRESH_TOKEN_SECRET: other } = secrets;
    const claims = jwt.decode(good) as jwt.JwtPayload;
    const [header = '', payload = '', signature = ''] = good.split('.');
    const hmac = (head: object, hash: string): string => {
      const text = `${part(head)}.${payload}`;
      return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`;
    };
    expect(await meWith(good)).toEqual([200, undefined]);
    expect(await meWith(jwt.sign(claims, secret))).toEqual([200, undefined]);
    for (const [what, token] of Object.entries({
      'no algorithm': `${part({ alg: 'none', typ: 'JWT' })}.${payload}.`,
      'no algorithm in other letters': `${part({ alg: 'nOnE' })}.${payload}.${signature}`,
      HS512: hmac({ alg: 'HS512', typ: 'JWT' }, 'sha512'),
      'HS256 that says HS384': hmac({ alg: 'HS384', typ: 'JWT' }, 'sha256'),
      'another secret': jwt.sign(claims, other),
      'an empty secret': `${header}.${payload}.${createHmac('sha256', '').update(`${header}.${payload}`).digest('base64url')}`,
      'another issuer': jwt.sign({ ...claims, iss: 'someone' }, secret),
      'another audience': jwt.sign({ ...claims, aud: 'someone' }, secret),
      'no audience': jwt.sign({ ...claims, aud: undefined }, secret),
      'another kind': jwt.sign({ ...claims, typ: 'refresh' }, secret),
      'no kind': jwt.sign({ ...claims, typ: undefined }, secret),
      'no session': jwt.sign({ ...claims, sid: undefined }, secret),
      'a session that is an object': jwt.sign({ ...claims, sid: { $ne: '' } }, secret),
      'no end': jwt.sign(
        Object.fromEntries(Object.entries(claims).filter(([name]) => name !== 'exp')),
        secret,
      ),
      'another user': jwt.sign({ ...claims, sub: '0123456789abcdef01234567' }, secret),
      'the refresh token': tab.cookies.get('refreshToken') ?? '',
      'changed payload': `${header}.${part({ ...claims, sub: '0123456789abcdef01234567' })}.${signature}`,
      'no signature': `${header}.${payload}.`,
      'half of it': good.slice(0, good.length / 2),
      twice: `${good}${good}`,
      nothing: '',
      long: `${good}${'x'.repeat(7_000)}`,
    })) {
      expect([what, ...(await meWith(token))]).toEqual([what, ...unauthenticated]);
    }
    const expired = jwt.sign({ ...claims, exp: Math.floor(Date.now() / 1_000) - 1 }, secret);
    expect(await meWith(expired)).toEqual([401, 'TOKEN_EXPIRED']);
    expect(await meWith(jwt.sign({ ...claims, sid: 'no-such-session' }, secret))).toEqual([
      401,
      'SESSION_REVOKED',
    ]);
  });

  test('says what it is, and no more', () => {
    const { header, payload } = jwt.decode(tab.cookies.get('accessToken') ?? '', { complete: true }) ?? {};
    expect(header).toEqual({ alg: 'HS256', typ: 'JWT' });
    const names = ['aud', 'dia', 'exp', 'iat', 'id', 'iss', 'jti', 'sid', 'sub', 'typ'];
    expect(Object.keys(payload as object).sort()).toEqual(names);
    expect(payload).toMatchObject({ typ: 'access', dia: 'canonical' });
  });
});
