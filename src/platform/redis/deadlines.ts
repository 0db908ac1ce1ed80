/** One time limit for many promises: a timer per command would cost more than the rest of the bookkeeping. */
export type Deadlines = {
  /** The promise's result, or a rejection when the time is over. What the promise does later is ignored. */
  bound: <T>(promise: Promise<T>) => Promise<T>;
  close: () => void;
};

type Waiting = { until: number; reject: (error: Error) => void };

/** Rejects after `limitMs`, late by `stepMs` at most. `what` names who did not answer. */
export function createDeadlines({ limitMs, what }: { limitMs: number; what: string }): Deadlines {
  const stepMs = Math.min(100, limitMs / 10);
  // In order of their ends, because all have the same time: a look at the first is enough.
  const waiting = new Set<Waiting>();
  let now = performance.now();
  let ticker: NodeJS.Timeout | undefined;

  const tick = (): void => {
    now = performance.now();
    for (const one of waiting) {
      if (one.until > now) return;
      waiting.delete(one);
      one.reject(new Error(`${what} did not answer within ${limitMs} ms`));
    }
  };

  return {
    bound: (promise) =>
      new Promise((resolve, reject) => {
        ticker ??= setInterval(tick, stepMs);
        const one: Waiting = { until: now + limitMs + stepMs, reject };
        waiting.add(one);
        promise.then(
          (value) => {
            waiting.delete(one);
            resolve(value);
          },
          (error: unknown) => {
            waiting.delete(one);
            reject(error instanceof Error ? error : new Error(String(error)));
          },
        );
      }),
    close: () => {
      clearInterval(ticker);
    },
  };
}
