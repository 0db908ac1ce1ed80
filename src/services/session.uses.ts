import type { Actor } from '../contract/actor.js';
import type { Clock } from '../platform/clock/clock.js';
import type { Cluster } from '../platform/cluster/cluster.js';
import type { Logger } from '../platform/logging/logger.js';
import type { SessionModel } from '../models/session.model.js';
import { createLastUsed } from './last-used.js';

/** When sessions were used last, on whichever node: noted in memory, written every few minutes and when somebody asks. */
export type SessionUses = {
  note(actor: Pick<Actor, 'sessionId' | 'userId'>): void;
  /** Resolves when all that any node knows of the user's sessions is stored; never rejects. */
  settle(userId: string): Promise<void>;
  close(): Promise<void>;
};

type Deps = {
  sessions: SessionModel;
  /** The sessions of the user that have a socket here. */
  sessionsOf: (userId: string) => ReadonlySet<string>;
  cluster: Cluster;
  clock: Clock;
  logger: Logger;
};

const ASKED = 'sessions.last-used';
const EVERY_MS = 5 * 60_000;

export function createSessionUses({ sessions, sessionsOf, cluster, clock, logger }: Deps): SessionUses {
  const lastUsed = createLastUsed({
    write: (uses) => sessions.touch(uses),
    everyMs: EVERY_MS,
    ...{ clock, logger },
  });

  cluster.on(ASKED, (payload) => {
    const { userId } = payload as { userId: string };
    // A socket is in use as long as it lives.
    for (const id of sessionsOf(userId)) lastUsed.note(id, userId);
    return lastUsed.flush(userId);
  });

  return {
    note: ({ sessionId, userId }) => lastUsed.note(sessionId, userId),
    settle: (userId) =>
      cluster
        .tellAll(ASKED, { userId })
        .catch((error: unknown) => logger.debug('other nodes could not be asked', { error })),
    close: () => lastUsed.close(),
  };
}
