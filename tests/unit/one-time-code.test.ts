import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createSecretKey, randomBytes } from 'node:crypto';
import { AppError } from '../../src/platform/errors/app-error.js';
import { createKeyedHash } from '../../src/platform/crypto/keyed-hash.js';
import type { KeyStore } from '../../src/platform/keystore/key-store.js';
import { openMemoryKeyStore } from '../../src/platform/keystore/memory-key-store.js';
import { createOneTimeCodes, type OneTimeCodes } from '../../src/services/one-time-code.js';

type Payload = { what: string };

const minute = 60_000;
const freshKey = () => createSecretKey(randomBytes(32));
const hash = createKeyedHash([freshKey()], 'codes');

let now: number;
let store: KeyStore;
let codes: OneTimeCodes<Payload>;
beforeEach(() => {
  now = 1_000_000;
  store = openMemoryKeyStore({ clock: () => now });
  codes = createOneTimeCodes<Payload>({
    ...{ keyStore: store, hash, clock: () => now, purpose: 'test', ttlSeconds: 300 },
    keyOf: (subject) => `waits:${subject}`,
  });
});
afterEach(() => store.close());

const free = () => Promise.resolve(() => Promise.resolve());
const right = (payload: Payload) => Promise.resolve(payload.what);
const redeem = (subject: string, code: string, lane = ''): Promise<string> =>
  codes.redeem({ subject, code, lane, takeTry: free }, right);
/** What came of it: what waited, or the code of the refusal. */
const outcome = (promise: Promise<string>): Promise<string> =>
  promise.catch((error: unknown) => (error instanceof AppError ? error.code : 'not an AppError'));
const otherThan = (code: string): string => (code === '111111' ? '222222' : '111111');
const wrong = 'INVALID_CREDENTIALS';

describe('a code', () => {
  test('has six digits, zeros in front included, and hands out once what waits for it', async () => {
    const all = [];
    for (let i = 0; i < 200; i += 1) all.push(await codes.issue(`ann${i}`, { what: `hers ${i}` }));
    expect(all.every((code) => /^\d{6}$/.test(code))).toBe(true);
    expect(new Set(all).size).toBeGreaterThan(190);
    expect(await outcome(redeem('ann7', all[7] ?? ''))).toBe('hers 7');
    expect(await outcome(redeem('ann7', all[7] ?? ''))).toBe(wrong);
  });

  test('lies nowhere in clear, and not as a hash that could be tried out without the key', async () => {
    const code = await codes.issue('ann', { what: 'hers' });
    const kept = (await store.get('waits:ann')) ?? '';
    expect(kept).toContain('hers');
    expect(kept).not.toContain(code);
    const { id, hash: stored } = JSON.parse(kept) as { id: string; hash: string };
    const text = ['test', 'ann', id, code].join('\n');
    expect(hash.matches(text, stored)).toBe(true);
    expect(createKeyedHash([freshKey()], 'codes').matches(text, stored)).toBe(false);
  });

  test('is for its subject and for its purpose alone', async () => {
    const code = await codes.issue('ann', { what: 'hers' });
    const kept = (await store.get('waits:ann')) ?? '';
    await store.set('waits:bob', kept);
    expect(await outcome(redeem('bob', code))).toBe(wrong);
    const others = createOneTimeCodes<Payload>({
      ...{ keyStore: store, hash, clock: () => now, purpose: 'other', ttlSeconds: 300 },
      keyOf: (subject) => `waits:${subject}`,
    });
    expect(await outcome(others.redeem({ subject: 'ann', code, takeTry: free }, right))).toBe(wrong);
    expect(await outcome(redeem('ann', code))).toBe('hers');
  });

  test('dies with its time', async () => {
    const code = await codes.issue('ann', { what: 'hers' });
    now += 5 * minute - 1;
    const again = await codes.renew('ann');
    expect(again?.payload).toEqual({ what: 'hers' });
    now += 5 * minute - 1;
    expect(await outcome(redeem('ann', code))).toBe(wrong);
    now += 1;
    expect(await outcome(redeem('ann', again?.code ?? ''))).toBe(wrong);
  });

  test('is replaced by the next, with what waited for it', async () => {
    const first = await codes.issue('ann', { what: 'first' });
    const second = await codes.issue('ann', { what: 'second' });
    expect(await outcome(redeem('ann', first))).toBe(wrong);
    expect(await outcome(redeem('ann', second))).toBe('second');
  });

  test('can be revoked', async () => {
    const code = await codes.issue('ann', { what: 'hers' });
    await codes.revoke('ann');
    expect(await outcome(redeem('ann', code))).toBe(wrong);
  });

  test('is taken by one of many', async () => {
    const code = await codes.issue('ann', { what: 'hers' });
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => outcome(redeem('ann', code))));
    expect(outcomes.filter((each) => each === 'hers')).toHaveLength(1);
    expect(new Set(outcomes)).toEqual(new Set(['hers', wrong, 'EXPIRED']));
  });
});

describe('tries', () => {
  test('are five, one after the other or at once; then the right code does not help either', async () => {
    for (const subject of ['ann', 'bob']) {
      const code = await codes.issue(subject, { what: 'theirs' });
      const guess = () => outcome(redeem(subject, otherThan(code)));
      const outcomes =
        subject === 'ann'
          ? await Promise.all(Array.from({ length: 20 }, guess))
          : [await guess(), await guess(), await guess(), await guess(), await guess(), await guess()];
      expect(outcomes.filter((each) => each === wrong)).toHaveLength(5);
      expect(await outcome(redeem(subject, code))).toBe('EXPIRED');
      const again = await codes.renew(subject);
      expect(await outcome(redeem(subject, code === again?.code ? '' : code))).toBe(wrong);
      expect(await outcome(redeem(subject, again?.code ?? ''))).toBe('theirs');
    }
  });

  test.each(['of none', 'of a decoy', 'of a decoy that another followed'])(
    'at a code %s are answered like those at a wrong one',
    async (which) => {
      if (which !== 'of none') await codes.issue('nobody', null);
      if (which === 'of a decoy that another followed') expect(await codes.renew('nobody')).toBeNull();
      const code = await codes.issue('ann', { what: 'hers' });
      for (let i = 0; i < 7; i += 1) {
        const expected = await outcome(redeem('ann', otherThan(code)));
        expect(await outcome(redeem('nobody', otherThan(code)))).toBe(expected);
        expect(expected).toBe(i < 5 ? wrong : 'EXPIRED');
      }
      await codes.renew('ann');
      await codes.renew('nobody');
      expect(await outcome(redeem('ann', ''))).toBe(wrong);
      expect(await outcome(redeem('nobody', ''))).toBe(wrong);
    },
  );

  test('no code fits a decoy', async () => {
    const shown = await codes.issue('nobody', null);
    expect(await outcome(redeem('nobody', shown))).toBe(wrong);
  });

  test('of strangers are not those of who comes from home', async () => {
    const code = await codes.issue('ann', { what: 'hers' });
    for (let i = 0; i < 9; i += 1) await outcome(redeem('ann', otherThan(code)));
    expect(await outcome(redeem('ann', otherThan(code), '192.0.2.1'))).toBe(wrong);
    expect(await outcome(redeem('ann', code))).toBe('EXPIRED');
    expect(await outcome(redeem('ann', code, '192.0.2.1'))).toBe('hers');
  });

  test('who may not try for a while hears so, unless the code is gone for good', async () => {
    const limited = () => Promise.reject(new AppError('LIMITED'));
    const attempt = { subject: 'ann', takeTry: limited };
    const code = await codes.issue('ann', { what: 'hers' });
    expect(await outcome(codes.redeem({ ...attempt, code }, right))).toBe('LIMITED');
    for (let i = 0; i < 5; i += 1) await outcome(redeem('ann', otherThan(code)));
    expect(await outcome(codes.redeem({ ...attempt, code }, right))).toBe('EXPIRED');
  });

  test('that are right are given back, whatever comes of them', async () => {
    let taken = 0;
    const takeTry = () => Promise.resolve((taken += 1)).then(() => () => Promise.resolve(void (taken -= 1)));
    const code = await codes.issue('ann', { what: 'hers' });
    await outcome(codes.redeem({ subject: 'ann', code: otherThan(code), takeTry }, right));
    expect(taken).toBe(1);
    const refused = () => Promise.reject(new AppError('TAKEN'));
    expect(await outcome(codes.redeem({ subject: 'ann', code, takeTry }, refused))).toBe('TAKEN');
    expect(taken).toBe(1);
  });
});

describe('when using it goes wrong', () => {
  test('by our fault, the code is good for another try, for as long as it was', async () => {
    const code = await codes.issue('ann', { what: 'hers' });
    now += 2 * minute;
    const broken = () => Promise.reject(new Error('no database'));
    expect(await outcome(codes.redeem({ subject: 'ann', code, takeTry: free }, broken))).toBe(
      'not an AppError',
    );
    expect(await store.ttl('waits:ann')).toBe(3 * minute);
    expect(await outcome(redeem('ann', code))).toBe('hers');
  });

  test('by our fault, but not over one that was issued since', async () => {
    const code = await codes.issue('ann', { what: 'first' });
    const since: string[] = [];
    const broken = async () => {
      since.push(await codes.issue('ann', { what: 'second' }));
      throw new AppError('UNAVAILABLE');
    };
    expect(await outcome(codes.redeem({ subject: 'ann', code, takeTry: free }, broken))).toBe('UNAVAILABLE');
    expect(await outcome(redeem('ann', since[0] ?? ''))).toBe('second');
  });

  test('by theirs, it is spent', async () => {
    const code = await codes.issue('ann', { what: 'hers' });
    const refused = () => Promise.reject(new AppError('TAKEN'));
    expect(await outcome(codes.redeem({ subject: 'ann', code, takeTry: free }, refused))).toBe('TAKEN');
    expect(await outcome(redeem('ann', code))).toBe(wrong);
  });
});

test('a hash by an older key still fits while that key is known', () => {
  const [old, recent] = [freshKey(), freshKey()];
  const before = createKeyedHash([old], 'codes').of('text');
  expect(createKeyedHash([recent, old], 'codes').matches('text', before)).toBe(true);
  expect(createKeyedHash([recent, old], 'codes').matches('other', before)).toBe(false);
  expect(createKeyedHash([recent], 'codes').matches('text', before)).toBe(false);
  expect(createKeyedHash([old], 'other').matches('text', before)).toBe(false);
  for (const odd of ['', 'x', before + before, '\ud800'])
    expect(createKeyedHash([old], 'codes').matches('text', odd)).toBe(false);
});
