import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { OwnUser } from '../../src/contract/views.js';
import { deploy, type Deployment } from '../support/deployment.js';
import { rest, type Answer } from '../support/scene.js';

type SignedIn = { user: OwnUser; token?: string };
type Account = { username: string; email: string; password: string };

function account(): Account {
  const tag = randomBytes(4).toString('hex');
  return { username: `ann_${tag}`, email: `ann.${tag}@example.org`, password: `${tag} is a secret` };
}

describe('guessing', () => {
  let guarded: Deployment;
  beforeAll(async () => {
    guarded = await deploy('two nodes', {
      env: { RATE_LIMIT_SCALE: '1', RATE_LIMIT_ANONYMOUS: '100000/15m', TRUST_PROXY: '1' },
    });
  });
  afterAll(() => guarded.close());

  /** From an address of its own unless told; the nodes take turns. */
  let turn = 0;
  const from = (address: string) => {
    const ask = (path: string, body: object): Promise<Answer<SignedIn>> => {
      turn += 1;
      const { url } = turn % 2 === 0 ? guarded.here : guarded.there;
      return rest<SignedIn>(url, 'POST', path, { body, headers: { 'x-forwarded-for': address } });
    };
    return {
      registers: (body: object) => ask('/api/auth/register', body),
      logsIn: (body: object) => ask('/api/auth/login', body),
      guesses: async (username: string, count: number) => {
        const answers = [];
        for (let i = 0; i < count; i += 1) {
          answers.push(await ask('/api/auth/login', { username, password: `guess ${i}` }));
        }
        return answers;
      },
    };
  };

  test('ends after five failures, with when to come again, whether or not there is such an account', async () => {
    const ann = account();
    await from('198.51.100.1').registers(ann);
    for (const [address, username] of [
      ['198.51.100.2', ann.username],
      ['198.51.100.3', account().username],
    ] as const) {
      const answers = await from(address).guesses(username, 6);
      expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401, 429]);
      const [last] = answers.slice(-1);
      expect(last?.body.error).toMatchObject({ code: 'LIMITED', retryAfter: expect.any(Number) });
      const wait = Number(last?.headers.get('retry-after'));
      expect(wait).toBeGreaterThan(60);
      expect(wait).toBeLessThanOrEqual(15 * 60);
      // The right password does not help at that address, and the account is spent at any other.
      expect((await from(address).logsIn({ username, password: ann.password })).status).toBe(429);
      expect((await from('198.51.100.4').logsIn({ username, password: ann.password })).status).toBe(429);
    }
  });

  test('by many at once gets no further', async () => {
    const ann = account();
    await from('198.51.100.10').registers(ann);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => from(`198.51.101.${i}`).guesses(ann.username, 1)),
    );
    const statuses = answers.flat().map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(5);
    expect(statuses.filter((status) => status === 429)).toHaveLength(15);
  });

  test('does not count what succeeds', async () => {
    const ann = account();
    const home = from('198.51.100.20');
    await home.registers(ann);
    const { username, password } = ann;
    for (let i = 0; i < 8; i += 1) expect((await home.logsIn({ username, password })).status).toBe(200);
    expect((await home.guesses(username, 4)).map(({ status }) => status)).toEqual([401, 401, 401, 401]);
    expect((await home.logsIn({ username, password })).status).toBe(200);
  });

  test('never locks the owner out where she has a live session', async () => {
    const ann = account();
    const home = from('198.51.100.30');
    await home.registers(ann);
    const { username, password } = ann;
    await from('198.51.100.31').guesses(username, 6);
    expect((await home.logsIn({ username, password })).status).toBe(200);
    // Not even when somebody guesses in the same office.
    await home.guesses(account().username, 6);
    expect((await home.logsIn({ username, password })).status).toBe(200);
    expect((await from('198.51.100.32').logsIn({ username, password })).status).toBe(429);
    // But her own address is no open door either.
    expect((await home.guesses(username, 9)).at(-1)?.status).toBe(429);
  });

  test('is what registering taken names amounts to', async () => {
    const ann = account();
    const prober = from('198.51.100.40');
    await from('198.51.100.41').registers(ann);
    const answers = [];
    for (let i = 0; i < 6; i += 1) answers.push(await prober.registers({ ...account(), email: ann.email }));
    expect(answers.map(({ status }) => status)).toEqual([409, 409, 409, 409, 409, 429]);
  });
});
