import type { Clock } from '../platform/clock/clock.js';
import type { Logger } from '../platform/logging/logger.js';

/**
 * When things were used last, without a write for each use: uses are noted in memory and written together, each thing
 * at most once per `everyMs`. Whoever wants to know flushes first; what is lost with a process that dies is minutes.
 */
export type LastUsed = {
  /** `owner`: for whom it may be asked before its time. Costs a look into a map. */
  note(id: string, owner: string): void;
  /** Writes what is noted: of one owner, or all. Never rejects; what could not be written is kept for the next time. */
  flush(owner?: string): Promise<void>;
  /** Writes the rest. */
  close(): Promise<void>;
};

export type Use = { id: string; at: Date };

type Deps = {
  write: (uses: readonly Use[]) => Promise<void>;
  everyMs: number;
  clock: Clock;
  logger: Logger;
};

/** Of one command: a database answers others meanwhile. */
const BATCH = 1_000;

export function createLastUsed({ write, everyMs, clock, logger }: Deps): LastUsed {
  const noted = new Map<string, { owner: string; at: number }>();
  let timer: NodeJS.Timeout | null = null;

  async function flush(owner?: string): Promise<void> {
    const due = [...noted].filter(([, use]) => owner === undefined || use.owner === owner);
    for (const [id] of due) noted.delete(id);
    for (let i = 0; i < due.length; i += BATCH) {
      const batch = due.slice(i, i + BATCH);
      try {
        await write(batch.map(([id, { at }]) => ({ id, at: new Date(at) })));
      } catch (error) {
        logger.debug('last uses could not be written', { count: batch.length, error });
        for (const [id, use] of batch) if (!noted.has(id)) noted.set(id, use);
      }
    }
  }

  return {
    note: (id, owner) => {
      const use = noted.get(id);
      if (use === undefined) noted.set(id, { owner, at: clock() });
      else use.at = clock();
      timer ??= setTimeout(() => {
        timer = null;
        void flush();
      }, everyMs).unref();
    },
    flush,
    close: async () => {
      if (timer !== null) clearTimeout(timer);
      await flush();
    },
  };
}
