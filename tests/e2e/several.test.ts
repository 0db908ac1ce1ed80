import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { MessageView } from '../../src/contract/views.js';
import { isAlive } from '../../src/platform/mongo/engine/start-lock.js';
import { buildIfNeeded, deploy, type Deployment } from '../support/process.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { scene } from '../support/scene.js';

/** Several whole processes start and end in each test; a busy machine takes its time. */
jest.setTimeout(120_000);

let here: Deployment;
let redis: TestRedis;

beforeAll(async () => {
  buildIfNeeded();
  redis = await startRedis();
});

beforeEach(async () => {
  here = await deploy();
});

afterEach(() => here.close());

afterAll(() => redis.stop());

describe('two processes in one data folder', () => {
  test('without Redis: the second refuses and says how to put it right; the first does not mind', async () => {
    const first = await here.start();
    await first.up();
    const { ann, bob } = await scene(first).people('ann', 'bob');
    const chat = await scene(first).direct(ann, bob);

    const second = await here.start();
    expect(await second.ended).toEqual({ code: 78, signal: null });
    expect(second.output()).toContain(`pid ${first.pid}`);
    expect(second.output()).toMatch(/Fix: set REDIS_URL/);
    expect(second.output()).not.toContain('is up');

    expect(await ann.sends(chat._id, 'still here')).toMatchObject({ seq: 1 });
    // With Redis it may not join either, as long as the first keeps its state to itself.
    const third = await here.start({ REDIS_URL: redis.url });
    expect((await third.ended).code).toBe(78);
    expect((await fetch(`${first.url}/readyz`)).status).toBe(200);
  });

  test('without Redis, after the first was killed: the next one starts at once', async () => {
    const first = await here.start();
    await first.up();
    await first.end('SIGKILL');
    const second = await here.start();
    await second.up();
    expect(await second.end()).toEqual({ code: 0, signal: null });
  });

  test('with Redis: started at the same moment they share secrets and database, and their people chat', async () => {
    const env = { REDIS_URL: redis.url, KEY_PREFIX: 'chatting:' };
    const [a, b] = await Promise.all([here.start(env), here.start(env)]);
    await Promise.all([a.up(), b.up()]);
    const engine = await here.enginePid();
    const stage = scene(a);
    const { ann, bob } = await stage.people('ann', 'bob');
    const bobThere = await bob.connects(b.url);
    const chat = await stage.direct(ann, bob);
    const sent = await ann.sends(chat._id, 'across');
    expect((await bobThere.hears('message:new')).message).toEqual(sent);
    const annHere = await ann.connects();
    await bobThere.asks('message:send', { chatId: chat._id, content: 'and back' });
    expect((await annHere.hears('message:new')).message).toMatchObject({ seq: 2 });

    // The database outlives whoever has started it, and ends with the last.
    expect(await a.end()).toEqual({ code: 0, signal: null });
    expect(isAlive(engine)).toBe(true);
    const answer = await bobThere.asks<MessageView>('message:send', { chatId: chat._id, content: 'alone' });
    expect(answer.data).toMatchObject({ seq: 3 });
    expect(await b.end()).toEqual({ code: 0, signal: null });
    expect(isAlive(engine)).toBe(false);
    stage.close();
  });

  test('with Redis, when one is killed: the other goes on, and the dead one’s people are offline within 30 s', async () => {
    const env = { REDIS_URL: redis.url, KEY_PREFIX: 'killed:' };
    const a = await here.start(env);
    await a.up();
    const b = await here.start(env);
    await b.up();
    const stage = scene(a);
    const { ann, bob } = await stage.people('ann', 'bob');
    const chat = await stage.direct(ann, bob);
    const annHere = await ann.connects();
    await bob.connects(b.url);
    await annHere.hears('presence:update', ({ userId, isOnline }) => userId === bob.id && isOnline);

    await b.end('SIGKILL');
    const killedAt = performance.now();
    expect(await ann.sends(chat._id, 'are you there?')).toMatchObject({ seq: 1 });
    const heard = await annHere.hears(
      'presence:update',
      ({ userId, isOnline }) => userId === bob.id && !isOnline,
      30_000,
    );
    process.stdout.write(`offline was heard ${Math.round(performance.now() - killedAt)} ms after the kill\n`);
    expect(heard.status).toBe('offline');
    const seen = await ann.rest('GET', `/api/users/${bob.id}`);
    expect(seen.body.data).toMatchObject({ isOnline: false });

    const again = await here.start(env);
    await again.up();
    const bobAgain = await bob.connects(again.url);
    await annHere.hears('presence:update', ({ userId, isOnline }) => userId === bob.id && isOnline);
    const answer = await bobAgain.asks<MessageView>('message:send', { chatId: chat._id, content: 'yes' });
    expect(answer.data).toMatchObject({ seq: 2 });
    await annHere.hears('message:new', ({ message }) => message.content.text === 'yes');
    stage.close();
  });
});
