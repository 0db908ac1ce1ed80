import { randomUUID } from 'node:crypto';
import { readFile, readdir, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { ChatView, MessageView } from '../../src/contract/views.js';
import { isAlive } from '../../src/platform/mongo/engine/start-lock.js';
import { buildIfNeeded, deploy, freePort, type Deployment } from '../support/process.js';
import { scene } from '../support/scene.js';
import { beginRequest } from '../support/slow-request.js';

/** Several whole processes start and end in each test; a busy machine takes its time. */
jest.setTimeout(120_000);

let here: Deployment;

beforeAll(() => {
  buildIfNeeded();
});

beforeEach(async () => {
  here = await deploy();
});

afterEach(() => here.close());

type History = { messages: MessageView[] };

/** Everything that Parley has written into its folder for people to read. */
async function logsOf(dir: string): Promise<string> {
  const names = await readdir(join(dir, 'logs'));
  const texts = await Promise.all(names.map((name) => readFile(join(dir, 'logs', name), 'utf8')));
  return texts.join('\n');
}

describe('a first start with nothing configured', () => {
  test('says where it is, what stands in for what, and how to go on, and keeps its secrets to itself', async () => {
    const server = await here.start();
    await server.up();
    const said = server.output();
    expect(said).toContain(server.url);
    for (const part of ['Database', 'Key store', 'Secrets', 'Uploads', 'Logs']) expect(said).toContain(part);
    expect(said).toContain(`generated, in ${here.dataDir}`);
    expect(said).toContain('set REDIS_URL to run several');
    expect(said).toContain('For production set: NODE_ENV=production MONGODB_URI REDIS_URL');

    const file = join(here.dataDir, 'secrets.json');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(here.dataDir)).mode & 0o777).toBe(0o700);
    const secrets = Object.values(JSON.parse(await readFile(file, 'utf8')) as Record<string, string>);
    expect(secrets.length).toBeGreaterThanOrEqual(3);

    const { ann } = await scene(server).people('ann');
    await server.end();
    const written = `${server.output()}\n${await logsOf(here.dir)}`;
    for (const secret of [...secrets, ann.token, ann.password]) expect(written).not.toContain(secret);
  });

  test('everything said is there after a restart, and nobody has to sign in again', async () => {
    const first = await here.start();
    const cold = await first.up();
    const { ann, bob } = await scene(first).people('ann', 'bob');
    const chat = await scene(first).direct(ann, bob);
    const clientMessageId = randomUUID();
    const sent = [await ann.sends(chat._id, 'one', clientMessageId), await bob.sends(chat._id, 'two')];
    expect(await first.end()).toEqual({ code: 0, signal: null });

    const second = await here.start();
    const warm = await second.up();
    process.stdout.write(`first start ${Math.round(cold)} ms, next start ${Math.round(warm)} ms\n`);
    const history = await bob.rest<History>('GET', `/api/messages/${chat._id}`, undefined, second.url);
    const { messages } = history.body.data;
    expect(messages.map(({ _id, seq }) => [_id, seq])).toEqual(sent.map(({ _id, seq }) => [_id, seq]));
    const chats = await bob.rest<{ chats: ChatView[] }>('GET', '/api/chats', undefined, second.url);
    expect(chats.body.data.chats).toMatchObject([{ _id: chat._id, seq: 2, unreadCount: 0 }]);
    const ear = await ann.connects(second.url);
    const again = await ear.asks<MessageView>('message:send', {
      ...{ chatId: chat._id, content: 'one', clientMessageId },
    });
    expect(again.data).toMatchObject({ _id: sent[0]?._id, seq: 1 });
    ear.close();
  });
});

describe('the end', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s: not ready any more, clients are told, what is under way is finished, the database goes too',
    async (signal) => {
      const server = await here.start();
      await server.up();
      const stage = scene(server);
      const { ann, bob } = await stage.people('ann', 'bob');
      const chat = await stage.direct(ann, bob);
      const ear = await bob.connects();
      const engine = await here.enginePid();
      const { port } = server;
      const body = { chatId: chat._id, content: 'just in time' };
      const sending = await beginRequest({
        port,
        method: 'POST',
        path: '/api/messages',
        token: ann.token,
        body,
      });
      const readiness = await beginRequest({ port, method: 'GET', path: '/readyz' });

      const told = performance.now();
      const ended = server.end(signal);
      expect(await ear.hears('server:draining')).toEqual({ reconnectIn: expect.any(Number) });
      expect(await readiness.finish()).toMatchObject({ status: 503, body: { status: 'draining' } });
      const sent = await sending.finish();
      expect(sent).toMatchObject({ status: 201, body: { success: true, data: { seq: 1 } } });

      expect(await ended).toEqual({ code: 0, signal: null });
      expect(performance.now() - told).toBeLessThan(10_000);
      expect(isAlive(engine)).toBe(false);
      stage.close();

      const next = await here.start();
      await next.up();
      const history = await bob.rest<History>('GET', `/api/messages/${chat._id}`, undefined, next.url);
      expect(history.body.data.messages).toMatchObject([{ content: { text: 'just in time' } }]);
    },
  );
});

describe('what keeps it from starting', () => {
  test('a port that is taken: says which, and what to do', async () => {
    const other = createServer().listen(await freePort(), '127.0.0.1');
    await once(other, 'listening');
    const taken = String((other.address() as { port: number }).port);
    const server = await here.start({ PORT: taken });
    const { code } = await server.ended;
    other.close();
    expect(code).not.toBe(0);
    expect(server.output()).toMatch(/in use/);
    expect(server.output()).toContain(taken);
    // For a person who starts it, not for one who debugs it.
    expect(server.output()).toMatch(/Fix: .*PORT/);
    expect(server.output()).not.toMatch(/^\s+at /m);
  });

  test('settings: every mistake is named at once, with its fix, and no secret is repeated', async () => {
    const password = 'hunter2-of-the-database';
    const server = await here.start({
      ...{ NODE_ENV: 'production', PORT: 'abc', BCRYPT_COST: '99', JWT_SECRET: 'a-short-secret' },
      ...{
        MONGODB_URI: `http://ann:${password}@db`,
        REDIS_URL: `redis://:${password}@`,
        MAX_FILE_SIZE: '-1',
      },
    });
    expect(await server.ended).toEqual({ code: 78, signal: null });
    const said = server.output();
    for (const name of ['PORT', 'BCRYPT_COST', 'JWT_SECRET', 'MONGODB_URI', 'REDIS_URL', 'MAX_FILE_SIZE'])
      expect(said).toMatch(new RegExp(`^ +${name}$`, 'm'));
    expect(said.match(/Fix:/g)).toHaveLength(6);
    expect(said).not.toContain(password);
    expect(said).not.toContain('a-short-secret');
  });

  test('production without stores and secrets; EMBEDDED=allow lets it', async () => {
    const refused = await here.start({ NODE_ENV: 'production' });
    expect(await refused.ended).toEqual({ code: 78, signal: null });
    for (const name of [
      'MONGODB_URI',
      'REDIS_URL',
      'ACCESS_TOKEN_SECRET',
      'REFRESH_TOKEN_SECRET',
      'EMBEDDED=allow',
    ])
      expect(refused.output()).toContain(name);
    expect(await readdir(here.dir)).toEqual([]);

    const allowed = await here.start({ NODE_ENV: 'production', EMBEDDED: 'allow', HOST: '127.0.0.1' });
    await allowed.up();
    const { ann, bob } = await scene(allowed).people('ann', 'bob');
    const chat = await scene(allowed).direct(ann, bob);
    expect(await ann.sends(chat._id, 'in production')).toMatchObject({ seq: 1 });
    expect(await allowed.end()).toEqual({ code: 0, signal: null });
  });
});
