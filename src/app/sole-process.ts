import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from '../platform/logging/logger.js';
import type { NodeDoc, NodeModel } from '../models/node.model.js';

/** Two processes on one database of which one keeps shared state in its own memory: they would contradict each other. */
export class NotAlone extends Error {
  constructor(other: NodeDoc) {
    super(
      `Another Parley process (pid ${other.pid} on ${other.host}) uses this database, and without Redis two processes ` +
        'do not hear each other.\nFix: set REDIS_URL for all of them, or stop the other one.',
    );
    this.name = 'NotAlone';
  }
}

type Deps = {
  nodes: NodeModel;
  nodeId: string;
  keyStore: 'memory' | 'redis';
  logger: Logger;
};

const BEAT_MS = 2_000;
/** Three beats missed. */
const SILENT_MS = 6_500;
const WATCH_MS = 250;

/**
 * Enters this process into the database's list of processes. Throws NotAlone when it, or one that is there, has its key
 * store in memory. One that died on this machine is known by its pid; one elsewhere is given until its beat is overdue.
 * Answers how to leave.
 */
export async function registerProcess({
  nodes,
  nodeId,
  keyStore,
  logger,
}: Deps): Promise<() => Promise<void>> {
  const self = (): NodeDoc => ({
    _id: nodeId,
    keyStore,
    host: hostname(),
    pid: process.pid,
    aliveAt: new Date(),
  });
  await nodes.beat(self());
  // From the first moment on: two that start at once must see each other's beat.
  let beating = Promise.resolve();
  const timer = setInterval(() => {
    beating = nodes.beat(self()).catch((error: unknown) => logger.debug('the beat failed', { error }));
  }, BEAT_MS).unref();
  const leave = async (): Promise<void> => {
    clearInterval(timer);
    // A beat on its way would enter us again behind our back.
    await beating;
    await nodes.delete(nodeId);
  };
  try {
    await assertCompatible();
  } catch (error) {
    await leave();
    throw error;
  }
  return leave;

  /** A process is alive when its beat goes on while we watch: a pid may be another program's by now, a clock may be off. */
  async function assertCompatible(): Promise<void> {
    const watched = new Map<string, { beat: number; since: number }>();
    for (;;) {
      const others = await nodes.findOthers(nodeId);
      const dead = others.filter((node) => isDead(node) || isSilent(node, watched.get(node._id)));
      if (dead.length > 0) await nodes.delete(...dead.map((node) => node._id));
      const rivals = others.filter(
        (node) => !dead.includes(node) && (keyStore === 'memory' || node.keyStore === 'memory'),
      );
      if (rivals.length === 0) return;
      for (const rival of rivals) {
        const seen = watched.get(rival._id);
        if (seen !== undefined && seen.beat !== rival.aliveAt.getTime()) throw new NotAlone(rival);
        if (seen === undefined)
          watched.set(rival._id, { beat: rival.aliveAt.getTime(), since: performance.now() });
      }
      await pause(WATCH_MS);
    }
  }
}

/** On this machine, and its process is gone. */
function isDead(node: NodeDoc): boolean {
  if (node.host !== hostname() || node.pid === process.pid) return false;
  try {
    process.kill(node.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Its beat has stood still for longer than it may, by our own clock. */
function isSilent(node: NodeDoc, seen: { beat: number; since: number } | undefined): boolean {
  return (
    seen !== undefined && seen.beat === node.aliveAt.getTime() && performance.now() - seen.since > SILENT_MS
  );
}
