import { randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Actor, UserRole } from '../contract/actor.js';
import type { Clock } from '../platform/clock/clock.js';
import type { Cluster } from '../platform/cluster/cluster.js';
import { AppError } from '../platform/errors/app-error.js';
import { key } from '../platform/keys/keys.js';
import type { KeyStore } from '../platform/keystore/key-store.js';
import type { Logger } from '../platform/logging/logger.js';
import type { SessionDoc, SessionModel } from '../models/session.model.js';
import type { UserDoc, UserModel } from '../models/user.model.js';
import { createSessionUses } from './session.uses.js';
import { hashToken, type TokenClaims, type TokenService } from './token.service.js';

/**
 * Sessions: families of tokens that live and die together.
 *
 * Invariants: a token is good only while its session is in the database; every node's cache forgets a session before the
 * method that ended it resolves, and its sockets are cut; exactly one refresh token of a family is good, and presenting
 * an older one (but for parallel tabs within the grace) ends the family.
 */
export type SessionService = {
  open(user: UserDoc, beginning: Beginning): Promise<OpenedSession>;
  /** Who acts with these claims: one look-up in this process, a read when it is not known. Throws SESSION_REVOKED. */
  actor(claims: TokenClaims): Promise<Actor>;
  /** A new pair for a refresh token. Throws TOKEN_REUSED, TOKEN_EXPIRED, SESSION_REVOKED or UNAUTHENTICATED. */
  refresh(refreshToken: string): Promise<OpenedSession>;
  /** Whose session a refresh token names; null when it is not one of ours. */
  ofRefreshToken(refreshToken: string): { sessionId: string; userId: string } | null;
  /** With `lastUsedAt` as it is now, wherever the sessions are used. */
  list(userId: string): Promise<SessionDoc[]>;
  /** False when it is not one of the user's. */
  end(sessionId: string, userId: string, reason: string): Promise<boolean>;
  endAll(userId: string, reason: string, options?: { except?: string }): Promise<number>;
  /** The name or the role of a user has changed: every node knows before this resolves, his open sockets too. */
  renew(user: Pick<UserDoc, '_id' | 'username' | 'role'>): Promise<void>;
  /** True when the user has a live session that began at this address. */
  knowsAddress(userId: string, ip: string): Promise<boolean>;
  /** A socket of the session was in use until now. */
  used(actor: Actor): void;
  /** Writes down what was used last. */
  close(): Promise<void>;
};

/** How and where a session begins. */
export type Beginning = Pick<SessionDoc, 'dialect' | 'ip' | 'device' | 'place' | 'deviceId'>;

export type OpenedSession = {
  userId: string;
  sessionId: string;
  accessToken: string;
  refreshToken: string;
  bearerToken: string;
};

/** How a node cuts the sockets of ended sessions: given by the realtime layer. */
export type SessionSockets = {
  cut(sessionIds: readonly string[], userId: string, reason: string): void;
  /** A fresh token was given out: the session's sockets may live as long as it. */
  prolong(session: { sessionId: string; userId: string; expiresAtMs: number }): void;
  /** From now on his sockets act under this name and in this role. */
  renew(user: Renewed): void;
  /** The sessions of the user that have a socket here. */
  sessionsOf(userId: string): ReadonlySet<string>;
};

type Deps = {
  sessions: SessionModel;
  users: UserModel;
  tokens: TokenService;
  keyStore: KeyStore;
  cluster: Cluster;
  sockets: SessionSockets;
  clock: Clock;
  logger: Logger;
  sessionTtlSeconds: number;
};

type Prolonged = { sessionId: string; userId: string; expiresAtMs: number };
type Renewed = { userId: string; username: string; role: UserRole };
type Ended = { sessionIds: string[]; userId: string; reason: string };

const TOPIC = 'sessions.ended';
const PROLONGED = 'sessions.prolonged';
const RENEWED = 'actors.renewed';
const KEPT = 50_000;
/** Should an invalidation be lost, a dead session is dead after this. */
const TTL_MS = 30_000;
const ROTATION_GRACE_MS = 10_000;

export function createSessionService(deps: Deps): SessionService {
  const { sessions, users, tokens, keyStore, cluster, clock, logger } = deps;
  const uses = createSessionUses({
    sessionsOf: (userId) => deps.sockets.sessionsOf(userId),
    ...{ sessions, cluster, clock, logger },
  });
  const actors = new LRUCache<string, Actor>({ max: KEPT, ttl: TTL_MS });
  /** Grows with every ending, so that a read begun before one does not cache what it ended. */
  const era = { now: 0 };

  cluster.on(TOPIC, (payload) => {
    const { sessionIds, userId, reason } = payload as Ended;
    era.now += 1;
    for (const id of sessionIds) actors.delete(id);
    deps.sockets.cut(sessionIds, userId, reason);
  });
  cluster.on(RENEWED, (payload) => {
    const renewed = payload as Renewed;
    era.now += 1;
    // Rare, so that it need not be known which sessions are whose.
    for (const [sessionId, actor] of actors.entries())
      if (actor.userId === renewed.userId) actors.delete(sessionId);
    deps.sockets.renew(renewed);
  });
  cluster.on(PROLONGED, (payload) => deps.sockets.prolong(payload as Prolonged));
  cluster.onRejoined(() => {
    era.now += 1;
    actors.clear();
  });

  async function readActor(sessionId: string): Promise<Actor> {
    const before = era.now;
    const session = await sessions.findById(sessionId);
    if (session === null || session.expiresAt.getTime() <= clock()) throw new AppError('SESSION_REVOKED');
    const user = await users.findById(session.user.toHexString());
    if (user === null || user.erasedAt) throw new AppError('SESSION_REVOKED');
    const actor: Actor = {
      userId: user._id.toHexString(),
      username: user.username,
      sessionId,
      dialect: session.dialect,
      role: user.role,
    };
    if (before === era.now) actors.set(sessionId, actor);
    return actor;
  }

  /** For operators to see; nothing depends on it, so a key store that is away does not keep anyone from signing in. */
  async function mirror(userId: string, sessionId: string, hash: string): Promise<void> {
    await keyStore
      .set(key.refresh(userId, sessionId), hash, { ttlMs: deps.sessionTtlSeconds * 1_000 })
      .catch((error: unknown) => logger.debug('a session could not be mirrored', { error }));
  }

  async function ended(ids: string[], userId: string, reason: string): Promise<void> {
    if (ids.length === 0) return;
    await keyStore
      .delete(...ids.map((id) => key.refresh(userId, id)))
      .catch((error: unknown) => logger.debug('a mirror could not be removed', { error }));
    logger.info('sessions ended', { userId, count: ids.length, reason });
    await cluster.tellAll(TOPIC, { sessionIds: ids, userId, reason });
  }

  function pair(session: Pick<SessionDoc, '_id' | 'user' | 'dialect'>, refreshToken: string): OpenedSession {
    const subject = { userId: session.user.toHexString(), sessionId: session._id, dialect: session.dialect };
    return {
      ...{ userId: subject.userId, sessionId: subject.sessionId, refreshToken },
      accessToken: tokens.sign('access', subject),
      bearerToken: tokens.sign('bearer', subject),
    };
  }

  /** What `parent` was exchanged for at `at`. */
  function successor(session: SessionDoc, parent: string, at: Date): string {
    const subject = { userId: session.user.toHexString(), sessionId: session._id, dialect: session.dialect };
    return tokens.signRefresh(subject, parent, at);
  }

  async function rotate(session: SessionDoc, presented: string): Promise<OpenedSession | null> {
    const at = new Date(clock());
    const next = successor(session, presented, at);
    const expiresAt = new Date(at.getTime() + deps.sessionTtlSeconds * 1_000);
    const won = await sessions.rotate({
      id: session._id,
      from: presented,
      to: hashToken(next),
      at,
      expiresAt,
    });
    if (!won) return null;
    const opened = pair(session, next);
    await mirror(opened.userId, session._id, hashToken(next));
    cluster.tell(PROLONGED, {
      sessionId: session._id,
      userId: opened.userId,
      expiresAtMs: tokens.verify(opened.accessToken, ['access']).expiresAtMs,
    });
    return opened;
  }

  /** The successor that a parallel tab has just been given for the same token; null when there is none. */
  function sameSuccessor(session: SessionDoc, presented: string): OpenedSession | null {
    const { previousHash, rotatedAt } = session;
    if (rotatedAt === null || previousHash !== presented) return null;
    if (clock() - rotatedAt.getTime() > ROTATION_GRACE_MS) return null;
    return pair(session, successor(session, presented, rotatedAt));
  }

  async function endFamily(session: SessionDoc): Promise<never> {
    const userId = session.user.toHexString();
    logger.warn('a used refresh token was presented again', { userId, audit: 'token.reused' });
    if (await sessions.delete(session._id, userId)) await ended([session._id], userId, 'token reuse');
    throw new AppError('TOKEN_REUSED');
  }

  return {
    open: async (user, beginning) => {
      const { dialect } = beginning;
      const now = new Date(clock());
      const session = { _id: randomBytes(16).toString('base64url'), user: user._id, dialect };
      const subject = { userId: user._id.toHexString(), sessionId: session._id, dialect };
      const refreshToken = tokens.signRefresh(subject, randomBytes(16).toString('hex'), now);
      await sessions.insert({
        ...beginning,
        ...session,
        createdAt: now,
        lastUsedAt: now,
        expiresAt: new Date(now.getTime() + deps.sessionTtlSeconds * 1_000),
        refreshHash: hashToken(refreshToken),
        previousHash: null,
        rotatedAt: null,
      });
      await mirror(subject.userId, session._id, hashToken(refreshToken));
      return pair(session, refreshToken);
    },

    actor: async (claims) => {
      const actor = actors.get(claims.sessionId) ?? (await readActor(claims.sessionId));
      if (actor.userId !== claims.userId) throw new AppError('UNAUTHENTICATED');
      uses.note(actor);
      return actor;
    },

    refresh: async (refreshToken) => {
      const claims = tokens.verify(refreshToken, ['refresh']);
      const presented = hashToken(refreshToken);
      const session = await sessions.findById(claims.sessionId);
      if (session === null) throw new AppError('SESSION_REVOKED');
      if (session.refreshHash === presented) {
        const rotated = await rotate(session, presented);
        if (rotated !== null) return rotated;
      }
      // Not (or no longer) the good one: a parallel tab within the grace, else somebody holds a copy.
      const now = await sessions.findById(claims.sessionId);
      if (now === null) throw new AppError('SESSION_REVOKED');
      return sameSuccessor(now, presented) ?? endFamily(now);
    },

    ofRefreshToken: (refreshToken) => {
      try {
        return tokens.verify(refreshToken, ['refresh']);
      } catch {
        return null;
      }
    },

    list: async (userId) => {
      await uses.settle(userId);
      return sessions.findByUser(userId);
    },

    end: async (sessionId, userId, reason) => {
      const deleted = await sessions.delete(sessionId, userId);
      // Told even when it was gone: a node may have missed the first time.
      if (deleted) await ended([sessionId], userId, reason);
      return deleted;
    },

    endAll: async (userId, reason, options = {}) => {
      const ids = await sessions.deleteAll(userId, options.except);
      await ended(ids, userId, reason);
      return ids.length;
    },

    renew: async ({ _id, username, role }) => {
      // Out of reach of the others: their caches end within half a minute.
      await cluster
        .tellAll(RENEWED, { userId: _id.toHexString(), username, role })
        .catch((error: unknown) => logger.warn('a renewed actor could not be told', { error }));
    },

    knowsAddress: (userId, ip) => sessions.existsAt(userId, ip),
    used: (actor) => uses.note(actor),
    close: () => uses.close(),
  };
}
