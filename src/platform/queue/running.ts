import { setTimeout as pause } from 'node:timers/promises';
import { ABORT_MS, FINISH_MS } from './retries.js';

/** What became of a handler: `given-back` when the process stopped before it was done. */
export type Outcome = { kind: 'done' } | { kind: 'given-back' } | { kind: 'failed'; error: unknown };

/** The jobs this process runs now, so that its end can wait for them, and give back those that take too long. */
export type Running = {
  readonly signal: AbortSignal;
  run(handler: () => Promise<void>): Promise<Outcome>;
  /** Waits for what runs; after a moment aborts it, and after another gives it up. Resolves when nothing runs. */
  stop(): Promise<void>;
};

export function createRunning(): Running {
  const controller = new AbortController();
  const given: { back: (outcome: Outcome) => void } = { back: () => undefined };
  const givenBack = new Promise<Outcome>((resolve) => {
    given.back = resolve;
  });
  const running = new Set<Promise<Outcome>>();

  const outcomeOf = async (handler: () => Promise<void>): Promise<Outcome> => {
    try {
      await handler();
      return { kind: 'done' };
    } catch (error) {
      // It failed because it was told to stop: that was no try.
      return controller.signal.aborted ? { kind: 'given-back' } : { kind: 'failed', error };
    }
  };

  /** True when all that runs has ended in time. */
  const idleWithin = async (ms: number): Promise<boolean> => {
    const timer = new AbortController();
    try {
      const late = pause(ms, false, { signal: timer.signal }).catch(() => false);
      return await Promise.race([Promise.all(running).then(() => true), late]);
    } finally {
      timer.abort();
    }
  };

  return {
    signal: controller.signal,
    run: async (handler) => {
      const outcome = Promise.race([outcomeOf(handler), givenBack]);
      running.add(outcome);
      try {
        return await outcome;
      } finally {
        running.delete(outcome);
      }
    },
    stop: async () => {
      if (await idleWithin(FINISH_MS)) return;
      controller.abort();
      if (await idleWithin(ABORT_MS)) return;
      given.back({ kind: 'given-back' });
      await Promise.all(running);
    },
  };
}
