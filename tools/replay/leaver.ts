import type { Observer } from './observer.js';

const TIMES = 10;

/**
 * Lets an observer leave and come back ten times while lines are sent: gone during the second half of each tenth.
 * Nobody waits for him, so his catching up runs against what is sent meanwhile.
 */
export function createLeaver(observer: Observer, lines: number) {
  const turns = Array.from({ length: TIMES }, (_, time) => [
    { after: Math.floor(((time + 0.5) * lines) / TIMES), run: async () => observer.leave() },
    { after: Math.floor(((time + 1) * lines) / TIMES) - 1, run: () => observer.come() },
  ]).flat();
  let doing: Promise<void> = Promise.resolve();
  let next = 0;

  function takeTurns(acknowledged: number): void {
    for (let turn = turns[next]; turn !== undefined && turn.after <= acknowledged; turn = turns[next]) {
      next += 1;
      doing = doing.then(turn.run);
      // Judged by `settled`.
      doing.catch(() => undefined);
    }
  }

  return {
    /** To be told after each line. */
    acknowledged: takeTurns,
    /** Has left as often as he should, and is back. */
    settled: async (): Promise<void> => {
      takeTurns(lines);
      await doing;
      await observer.settled();
    },
  };
}
