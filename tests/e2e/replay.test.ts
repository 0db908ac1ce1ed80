import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Figures } from '../../tools/replay/report.js';
import { buildIfNeeded, deploy, freePort, type Deployment } from '../support/process.js';
import { startRedis } from '../support/redis.js';

/** The tools as people run them, against servers as people start them: with the limits that servers have by default. */

const root = fileURLToPath(new URL('../..', import.meta.url));
const sample = ['raw', 'annotation'].map((kind) => join(root, `tools/sample/ubuntu-2008-12-11.${kind}.txt`));
const closers: (() => Promise<unknown>)[] = [];
const quick = { BCRYPT_COST: '4' };

beforeAll(() => {
  buildIfNeeded();
});

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

type Run = { code: number; out: string; err: string };

async function tool(
  name: string,
  args: string[],
  options: { cwd?: string; env?: object } = {},
): Promise<Run> {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [join(root, 'scripts/run.mjs'), `tools/${name}`, ...args], {
    cwd: options.cwd ?? tmpdir(),
    env: { PATH, HOME, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await ended) as [number];
  return { code, out, err };
}

async function deployment(): Promise<Deployment> {
  const made = await deploy();
  closers.push(() => made.close());
  return made;
}

async function replay(args: string[]): Promise<Figures> {
  const { code, out, err } = await tool('replay', ['--json', ...args]);
  if (code !== 0) throw new Error(`exit ${code}: ${err}\n${out}`);
  return JSON.parse(out) as Figures;
}

function expectPerfect(figures: Figures): void {
  expect(figures).toMatchObject({
    ...{ users: 28, nicks: 24, lines: 120, blank: 0, replies: 67, sent: 120, acknowledged: 120, refused: [] },
    ...{ history: 120, firstSeq: 1, lastSeq: 120, gaps: 0, lost: 0, duplicates: 0, outOfOrder: 0 },
    ...{ textsDiffering: 0, repliesDiffering: 0, sendersDiffering: 0, nodesDiffering: 0, examples: [] },
    latency: { deliveries: 240 },
  });
  const nothingWrong = { delivered: 120, missing: 0, duplicates: 0, outOfOrder: 0, differing: 0, lost: 0 };
  const [one, two, leaver] = figures.observers;
  expect(one).toMatchObject({ ...nothingWrong, live: 120, bySync: 0, leaves: 0 });
  expect(two).toMatchObject({ ...nothingWrong, live: 120, bySync: 0, leaves: 0 });
  expect(leaver).toMatchObject({ ...nothingWrong, leaves: 10 });
  expect(leaver?.bySync).toBeGreaterThan(0);
}

describe('a replay of the sample', () => {
  test('on one process: nothing lost, twice or out of order, the second time too', async () => {
    const server = await (await deployment()).start(quick);
    await server.up();
    expectPerfect(await replay(['--url', server.url, ...sample]));
    const { code, out } = await tool('replay', ['--url', server.url, '--window', '16', ...sample]);
    expect(out).toMatch(/acknowledged +120\n/);
    expect(out).toContain('OK: nothing lost, nothing twice, nothing out of order.');
    expect(code).toBe(0);
  }, 120_000);

  test('on two processes that share a Redis', async () => {
    const [redis, here] = await Promise.all([startRedis(), deployment()]);
    closers.unshift(() => redis.stop());
    const env = { ...quick, REDIS_URL: redis.url };
    const nodes = [await here.start(env), await here.start(env)];
    for (const node of nodes) await node.up();
    const urls = nodes.flatMap(({ url }) => ['--url', url]);
    expectPerfect(await replay([...urls, ...sample]));
    expectPerfect(await replay([...urls, '--window', '16', ...sample]));
  }, 120_000);

  test('from one address, with more people than may be connected at once', async () => {
    const server = await (await deployment()).start({ ...quick, MAX_CONNECTIONS_PER_IP: '12' });
    await server.up();
    expectPerfect(await replay(['--url', server.url, '--from-one-address', ...sample]));
  }, 120_000);

  test('odd bytes, empty lines and blanks arrive as they are', async () => {
    const server = await (await deployment()).start(quick);
    const folder = await mkdtemp(join(tmpdir(), 'parley-log-'));
    closers.push(() => rm(folder, { recursive: true }));
    const log = join(folder, 'odd.txt');
    const lines = [
      '[10:00] <a|b>  \u0003<b>&amp;\u2028 \ufeff ',
      '',
      '[10:00] <`x`>',
      '[10:00]  * é does',
      '== \u0007\r',
    ];
    await writeFile(log, Buffer.concat([Buffer.from(lines.join('\n')), Buffer.from([10, 0xe9, 0xff])]));
    await server.up();
    const { code, out, err } = await tool('replay', ['--json', '--url', server.url, log]);
    expect(JSON.parse(out)).toMatchObject({
      lines: 6,
      blank: 1,
      sent: 5,
      acknowledged: 5,
      textsDiffering: 0,
    });
    expect(err).toContain('1 lines are not UTF-8 and are read as windows-1252: 5.');
    expect(code).toBe(0);
  }, 60_000);
});

describe('a replay that can not be', () => {
  test('wrong usage: 64 and how to use it', async () => {
    for (const args of [
      [],
      ['a', 'b', 'c'],
      ['--nonsense'],
      ['--url', 'x', 'a'],
      ['--window', '0', 'a'],
      ['/none'],
    ]) {
      const { code, err } = await tool('replay', args);
      expect([args, code]).toEqual([args, 64]);
      expect(err).toContain(
        args[0] === '/none' ? "/none can't be read" : 'npm run replay -- [options] <raw log>',
      );
    }
    expect(await tool('replay', ['--help'])).toMatchObject({ code: 0, err: '' });
  }, 60_000);

  test('no server: 69 and what to do', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { code, err } = await tool('replay', ['--url', url, ...sample]);
    expect(err).toContain(`No Parley server is ready at ${url}.\nFix: npm start`);
    expect(code).toBe(69);
  });

  test('a server whose limits ask for a long wait: 75 and how to start one for this', async () => {
    const server = createServer((request, response) => {
      const ready = request.url === '/readyz';
      response.writeHead(ready ? 200 : 429, { 'retry-after': '800' }).end('{"success":true}');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(async () => server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { code, err } = await tool('replay', ['--url', url, ...sample]);
    expect(err).toContain('wait 800 s');
    expect(err).toContain('RATE_LIMIT_SCALE=100 MAX_CONNECTIONS_PER_IP=1000 npm start');
    expect(code).toBe(75);
  });
});

describe('seed and migrate', () => {
  let here: Deployment;
  const run = (name: string, ...args: string[]): Promise<Run> =>
    tool(name, args, {
      cwd: here.dir,
      env: { ...quick, DATA_DIR: here.dataDir, PORT: port, LOG_DIR: 'off' },
    });
  let port: string;

  beforeAll(async () => {
    here = await deploy();
    port = String(await freePort());
  });
  afterAll(() => here.close());

  test('migrate --check names what an empty database lacks; migrate makes it, and says what is there', async () => {
    const before = await run('migrate', '--check');
    expect(before.code).toBe(1);
    expect(before.out).toContain('messages: [{"chat":1,"seq":1},{"unique":true}]');
    const made = await run('migrate');
    expect(made.out).toMatch(/messages +0 documents {3}_id_, chat_1_seq_1/);
    expect(made.code).toBe(0);
    expect(await run('migrate', '--check')).toMatchObject({ code: 0 });
  }, 60_000);

  test('seed fills a data folder that no server runs on, once', async () => {
    const first = await run('seed');
    expect(first.code).toBe(0);
    expect(first.err).toContain('filling its database directly');
    expect(first.out).toMatch(/Ubuntu help, 11 December 2008 +120 messages +new/);
    // The people of the sample sign in again, which is written down; all else stays as it was.
    const counted = async (): Promise<string[]> =>
      (await run('migrate')).out.split('\n').filter((line) => !/^ *(logins|knowndevices) /.test(line));
    const before = await counted();
    const second = await run('seed');
    expect(second.code).toBe(0);
    expect(second.out.match(/as it was/g)).toHaveLength(3);
    expect(await counted()).toEqual(before);
  }, 120_000);

  test('a server on that folder shows it, and seeding it changes nothing', async () => {
    const server = await here.start(quick);
    await server.up();
    const { out, code } = await tool('seed', ['--url', server.url], { cwd: here.dir });
    expect(code).toBe(0);
    expect(out.match(/as it was/g)).toHaveLength(3);
    const password = /with the password (\S+)/.exec(out)?.[1];
    const answer = await fetch(`${server.url}/api/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'cyd', password }),
    });
    expect(answer.status).toBe(200);
    await server.end();
  }, 60_000);

  test('in production everybody would know the password: refused', async () => {
    const env = {
      ...{ NODE_ENV: 'production', EMBEDDED: 'allow', DATA_DIR: here.dataDir },
      JWT_SECRET: randomBytes(48).toString('base64'),
    };
    const { code, err } = await tool('seed', [], { cwd: here.dir, env });
    expect(err).toContain('add --yes');
    expect(code).toBe(64);
  });
});
