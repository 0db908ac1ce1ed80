/** One time limit for many promises: a timer per command would cost more than the rest of the bookkeeping. */
export type Deadlines = {
  /** The promise's result, or a rejection when the time is over. What the promise does later is ignored. */
  bound: <T>(promise: Promise<T>) => Promise<T>;
};

type Waiting = { until: number; reject: (error: Error) => void };

/** Rejects after `limitMs`, late by a tenth of it at most. `what` names who did not answer. */
export function createDeadlines({ limitMs, what }: { limitMs: number; what: string }): Deadlines {
  const stepMs = limitMs / 10;
  // In order of their ends, because all have the same time: a look at the first is enough.
  const waiting = new Set<Waiting>();
  let ticker: NodeJS.Timeout | null = null;
  let tickedAt = 0;

  const stop = (): void => {
    if (ticker !== null) clearInterval(ticker);
    ticker = null;
  };
  const tick = (): void => {
    const now = performance.now();
    // This process stood still, and the answers may lie unread in its socket: they are read before the next tick.
    const stoodStill = now - tickedAt > 3 * stepMs;
    tickedAt = now;
    if (waiting.size === 0) stop();
    if (stoodStill) return;
    for (const one of waiting) {
      if (one.until > now) return;
      waiting.delete(one);
      one.reject(new Error(`${what} did not answer within ${limitMs} ms`));
    }
  };
  const start = (): void => {
    tickedAt = performance.now();
    ticker = setInterval(tick, stepMs).unref();
  };

  return {
    bound: (promise) =>
      new Promise((resolve, reject) => {
        if (ticker === null) start();
        const one: Waiting = { until: performance.now() + limitMs, reject };
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
  };
}
