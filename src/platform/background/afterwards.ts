import type { Logger } from '../logging/logger.js';

/**
 * What is done when the answer is on its way: because nobody need wait for it, or because how long it takes would tell
 * something. It goes with the process; what must not be lost belongs into a job.
 */
export type Afterwards = {
  /** Begins `work` in a later turn. Its failure is logged under `what`, and is nobody else's. */
  run(what: string, work: () => Promise<void>): void;
  /** Resolves when all that was begun is over. */
  close(): Promise<void>;
};

export function createAfterwards({ logger }: { logger: Logger }): Afterwards {
  const running = new Set<Promise<void>>();

  async function attempt(what: string, work: () => Promise<void>): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    try {
      await work();
    } catch (error) {
      logger.error('what was to follow an answer failed', { what, error });
    }
  }

  return {
    run: (what, work) => {
      const one = attempt(what, work).finally(() => running.delete(one));
      running.add(one);
    },
    close: async () => {
      while (running.size > 0) await Promise.all(running);
    },
  };
}
