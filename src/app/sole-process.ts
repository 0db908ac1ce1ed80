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

const BEAT_MS = 5_000;
const DEAD_AFTER_MS = 15_000;

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
  try {
    await assertCompatible();
  } catch (error) {
    await nodes.delete(nodeId);
    throw error;
  }
  const timer = setInterval(() => {
    nodes.beat(self()).catch((error: unknown) => logger.debug('the beat failed', { error }));
  }, BEAT_MS).unref();

  async function assertCompatible(): Promise<void> {
    const deadline = Date.now() + DEAD_AFTER_MS + BEAT_MS;
    for (;;) {
      const others = await nodes.findOthers(nodeId);
      const dead = others.filter(isDead);
      if (dead.length > 0) await nodes.delete(...dead.map((node) => node._id));
      const rival = others.find(
        (node) => !isDead(node) && (keyStore === 'memory' || node.keyStore === 'memory'),
      );
      if (rival === undefined) return;
      // Alive beyond doubt: on this machine, or with a beat since we began to look.
      if (rival.host === hostname() || Date.now() > deadline) throw new NotAlone(rival);
      await pause(1_000);
    }
  }

  return async () => {
    clearInterval(timer);
    await nodes.delete(nodeId);
  };
}

function isDead(node: NodeDoc): boolean {
  if (Date.now() - node.aliveAt.getTime() > DEAD_AFTER_MS) return true;
  if (node.host !== hostname() || node.pid === process.pid) return false;
  try {
    process.kill(node.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
