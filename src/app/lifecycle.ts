/**
 * What opens registers its close; the end of the process undoes everything in reverse.
 *
 * Invariants: every registered close is called exactly once, also when others fail or hang, also for what opens while
 * the shutdown is under way; the shutdown as a whole takes no longer than its deadline.
 */
import type { Logger } from '../platform/logging/logger.js';

export type Lifecycle = Readonly<{
  /** Registers how `thing` is closed and hands it back: `const mongo = life.opened('mongo', await connect(), (m) => m.close())`. */
  opened<T>(name: string, thing: T, close: (thing: T) => void | Promise<void>): T;
  /** Runs first at shutdown, in the order of registration, while everything is still open: stop taking, tell, finish. */
  onDrain(name: string, run: () => void | Promise<void>): void;
  /** Ends everything once; further calls answer the same. `clean` = every step ended in time and without an error. */
  shutdown(reason: string): Promise<{ clean: boolean }>;
  /** True from the first moment of a shutdown. */
  readonly draining: boolean;
}>;

type Step = Readonly<{ name: string; run: () => void | Promise<void> }>;
type Phase = 'drain' | 'close';

const late = Symbol('late');

/** What `run` comes to, or `late` after so many milliseconds; it then goes on unattended. */
async function within(ms: number, run: Step['run']): Promise<typeof late | undefined> {
  const running = Promise.resolve().then(run);
  // It may still fail after we stopped waiting: that must not count as an unhandled rejection.
  running.catch(() => undefined);
  const timer: { handle?: NodeJS.Timeout } = {};
  const limit = new Promise<typeof late>((resolve) => {
    timer.handle = setTimeout(() => resolve(late), ms);
  });
  try {
    return (await Promise.race([running, limit])) ?? undefined;
  } finally {
    clearTimeout(timer.handle);
  }
}

/** Runs a step for at most `ms` and writes down how it went; true when it ended in time and without an error. */
async function take(
  logger: Logger,
  { phase, name, run }: Step & { phase: Phase },
  ms: number,
): Promise<boolean> {
  const start = performance.now();
  const fields = () => ({ step: name, phase, ms: Math.round(performance.now() - start) });
  try {
    const inTime = (await within(Math.max(0, ms), run)) !== late;
    if (inTime) logger.info('shutdown step done', fields());
    else logger.warn('shutdown step did not end in time', fields());
    return inTime;
  } catch (error) {
    logger.error('shutdown step failed', { ...fields(), error });
    return false;
  }
}

/**
 * @param deadlineMs for the whole shutdown. Drains share its first half, and each close may take half of what is left
 *   (the last one all of it), so that a step that hangs leaves time for those after it.
 */
export function createLifecycle({
  logger,
  deadlineMs = 10_000,
}: {
  logger: Logger;
  deadlineMs?: number;
}): Lifecycle {
  const drains: Step[] = [];
  const closes: Step[] = [];
  const state = { draining: false, ended: false };
  const once: { shutdown: Promise<{ clean: boolean }> | null } = { shutdown: null };

  async function run(reason: string): Promise<{ clean: boolean }> {
    const start = performance.now();
    const left = () => deadlineMs - (performance.now() - start);
    const results: boolean[] = [];
    logger.info('shutting down', { reason, deadlineMs });
    for (const drain of drains) {
      results.push(await take(logger, { ...drain, phase: 'drain' }, left() - deadlineMs / 2));
    }
    for (let step = closes.pop(); step !== undefined; step = closes.pop()) {
      results.push(
        await take(logger, { ...step, phase: 'close' }, closes.length === 0 ? left() : left() / 2),
      );
    }
    state.ended = true;
    const clean = !results.includes(false);
    logger.info('shut down', { reason, clean, ms: Math.round(performance.now() - start) });
    return { clean };
  }

  return {
    opened(name, thing, close) {
      const step: Step = { name, run: () => close(thing) };
      // Too late for the sequence: whoever opened this was still starting when the end had come.
      if (state.ended) void take(logger, { ...step, phase: 'close' }, deadlineMs);
      else closes.push(step);
      return thing;
    },
    onDrain: (name, runDrain) => void drains.push({ name, run: runDrain }),
    shutdown(reason) {
      state.draining = true;
      return (once.shutdown ??= run(reason));
    },
    get draining() {
      return state.draining;
    },
  };
}
