import { ipKeyGenerator, rateLimit, type Options, type Store } from 'express-rate-limit';
import type { Request, RequestHandler, Response } from 'express';
import { AppError } from '../errors/app-error.js';
import { key } from '../keys/keys.js';
import type { KeyStore } from '../keystore/key-store.js';
import type { Logger } from '../logging/logger.js';
import { contextOf } from './context.js';

type Deps = {
  keyStore: KeyStore;
  /** Counts alone while the shared store is out of reach. */
  fallback: KeyStore;
  logger: Logger;
  anonymous: { points: number; perMs: number };
  user: { points: number; perMs: number };
  /** RATE_LIMIT_SCALE; 0 = off. */
  scale: number;
  /** What counts for nobody. Paths as they are under /api. */
  free: (request: { method: string; path: string }) => boolean;
};

/** The general API allowance: whoever is signed in counts by user, so an office behind one address can work. Draft-8 headers. */
export function apiRateLimit(deps: Deps): RequestHandler {
  const { anonymous, user, scale } = deps;
  if (scale === 0) return (_request, _response, next) => next();
  const windowSeconds = Math.ceil(anonymous.perMs / 1_000);
  /** Draft 8, without its optional partition key. */
  const tell = (request: Request, response: Response): void => {
    const info = infoOf(request);
    if (info === undefined) return;
    const name = contextOf(request).actor === null ? 'anonymous' : 'user';
    const resetSeconds = Math.max(0, Math.ceil((info.resetTime.getTime() - Date.now()) / 1_000));
    response.setHeader('RateLimit', `"${name}"; r=${info.remaining}; t=${resetSeconds}`);
    response.setHeader('RateLimit-Policy', `"${name}"; q=${info.limit}; w=${windowSeconds}`);
  };
  const count = rateLimit({
    windowMs: anonymous.perMs,
    limit: (request) => (contextOf(request).actor === null ? anonymous.points : user.points) * scale,
    keyGenerator: (request) => {
      const { actor, origin } = contextOf(request);
      return actor === null ? `ip:${ipKeyGenerator(origin.ip)}` : `user:${actor.userId}`;
    },
    standardHeaders: false,
    legacyHeaders: false,
    handler: (request, response, next) => {
      tell(request, response);
      const waitMs = (infoOf(request)?.resetTime.getTime() ?? Date.now() + 1_000) - Date.now();
      next(new AppError('LIMITED', { retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)) }));
    },
    store: storeOn(deps),
    passOnStoreError: true,
    validate: false,
    skip: deps.free,
  });
  return (request, response, next) =>
    count(request, response, (error?: unknown) => {
      tell(request, response);
      next(error);
    });
}

type Info = { limit: number; remaining: number; resetTime: Date };

/** What express-rate-limit notes on the request; absent when it could not count. */
function infoOf(request: Request): Info | undefined {
  return (request as unknown as { rateLimit?: Info }).rateLimit;
}

function storeOn({ keyStore, fallback, logger }: Deps): Store {
  let windowMs = 60_000;
  const name = (subject: string): string => key.limit('api', subject);
  return {
    init: (options: Options) => {
      windowMs = options.windowMs;
    },
    increment: async (subject) => {
      const hit = await keyStore.increment(name(subject), { windowMs }).catch((error: unknown) => {
        logger.debug('limits are counted by this process alone', { error });
        return fallback.increment(name(subject), { windowMs });
      });
      return { totalHits: hit.count, resetTime: new Date(Date.now() + hit.resetMs) };
    },
    decrement: async (subject) => {
      await keyStore.increment(name(subject), { windowMs, by: -1 });
    },
    resetKey: async (subject) => {
      await keyStore.delete(name(subject));
    },
  };
}
