import { expect, test } from '@jest/globals';
import { MemoryTable, Text } from '../../src/platform/keystore/memory-table.js';
import { openMemoryKeyStore } from '../../src/platform/keystore/memory-key-store.js';

/** A clock that tests move. */
function movable(): { clock: () => number; pass: (ms: number) => void } {
  let now = 1_000_000;
  return { clock: () => now, pass: (ms) => (now += ms) };
}

test('windows, leases and buckets follow the clock to the millisecond', async () => {
  const { clock, pass } = movable();
  const store = openMemoryKeyStore({ clock });
  await store.increment('n', { windowMs: 100 });
  await store.leaseAdd('s', 'a', 100);
  await store.takeToken('b', { capacity: 1, refillPerMinute: 600 });
  pass(99);
  expect(await store.increment('n', { windowMs: 100 })).toEqual({ count: 2, resetMs: 1 });
  expect(await store.leaseMembers('s')).toEqual(['a']);
  expect(await store.takeToken('b', { capacity: 1, refillPerMinute: 600 })).toEqual({
    allowed: false,
    remaining: 0,
    retryMs: 1,
  });
  pass(1);
  expect(await store.increment('n', { windowMs: 100 })).toEqual({ count: 1, resetMs: 100 });
  expect(await store.leaseMembers('s')).toEqual([]);
  expect(await store.leaseReap('s')).toEqual(['a']);
  expect((await store.takeToken('b', { capacity: 1, refillPerMinute: 600 })).allowed).toBe(true);
  await store.close();
});

test('the sweeper drops what nobody asks for, and goes on where it stopped', () => {
  const { clock, pass } = movable();
  const table = new MemoryTable(clock);
  for (let n = 0; n < 5_000; n += 1)
    table.put(`k${n}`, new Text('v', table.endsAt(n % 2 === 0 ? 10 : undefined)));
  table.sweep();
  expect(table.size).toBe(5_000);
  pass(10);
  for (let round = 0; round < 100 && table.size > 2_500; round += 1) table.sweep();
  expect(table.size).toBe(2_500);
  table.close();
});
