import { createHash, createHmac, randomUUID, type KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { LRUCache } from 'lru-cache';
import type { Dialect } from '../contract/actor.js';
import { AppError } from '../platform/errors/app-error.js';

export type TokenKind = 'access' | 'bearer' | 'refresh';

/** What a good token says. It is worth nothing unless its session lives: see session.service. */
export type TokenClaims = {
  userId: string;
  sessionId: string;
  kind: TokenKind;
  dialect: Dialect;
  expiresAtMs: number;
};

export type TokenService = {
  sign(kind: 'access' | 'bearer', subject: { userId: string; sessionId: string; dialect: Dialect }): string;
  /**
   * The refresh token that succeeds `parent` (a hash; or a random seed for the first). The same arguments give the same
   * token in every process, so parallel tabs that present one token get one successor without it being stored anywhere.
   */
  signRefresh(
    subject: { userId: string; sessionId: string; dialect: Dialect },
    parent: string,
    at: Date,
  ): string;
  /** Throws TOKEN_EXPIRED or UNAUTHENTICATED. `kinds`: which are taken here. */
  verify(token: string, kinds: readonly TokenKind[]): TokenClaims;
  /** The same, for a token that will be shown again and again: a good one is verified once and then known. */
  recognise(token: string, kinds: readonly TokenKind[]): TokenClaims;
};

type Deps = {
  access: readonly KeyObject[];
  refresh: readonly KeyObject[];
  ttlSeconds: Record<TokenKind, number>;
};

const ISSUER = 'parley';
const AUDIENCE = 'parley';
/** Longer than any token of ours; verifying a megabyte is not for free. */
const MAX_TOKEN_LENGTH = 4_096;
/** Tokens of requests that are known by their text. Their sessions are checked each time all the same. */
const KEPT = 10_000;

export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

export function createTokenService(deps: Deps): TokenService {
  const recognised = new LRUCache<string, TokenClaims>({ max: KEPT });
  const keysOf = (kind: TokenKind): readonly KeyObject[] => (kind === 'refresh' ? deps.refresh : deps.access);

  function signer(kind: TokenKind): KeyObject {
    const first = keysOf(kind)[0];
    if (first === undefined) throw new Error('There is no key to sign tokens with.');
    return first;
  }

  function claims(kind: TokenKind, subject: { userId: string; sessionId: string; dialect: Dialect }): object {
    return { id: subject.userId, sid: subject.sessionId, typ: kind, dia: subject.dialect };
  }

  /** Null: this key did not sign it. */
  function tryVerify(token: string, verifier: KeyObject): jwt.JwtPayload | null {
    try {
      const payload = jwt.verify(token, verifier, {
        algorithms: ['HS256'],
        issuer: ISSUER,
        audience: AUDIENCE,
      });
      return typeof payload === 'string' ? null : payload;
    } catch (error) {
      if (error instanceof jwt.TokenExpiredError) throw new AppError('TOKEN_EXPIRED');
      return null;
    }
  }

  /** Null: not one of ours, or not of these kinds. */
  function readClaims(token: string, kinds: readonly TokenKind[]): TokenClaims | null {
    for (const verifier of new Set(kinds.flatMap(keysOf))) {
      const payload = tryVerify(token, verifier);
      if (payload === null) continue;
      const { sub, sid, typ, dia, exp } = payload as Record<string, unknown>;
      if (typeof sub !== 'string' || typeof sid !== 'string' || typeof exp !== 'number') return null;
      const kind = kinds.find((each) => each === typ);
      if (kind === undefined) return null;
      return { userId: sub, sessionId: sid, kind, dialect: dia as Dialect, expiresAtMs: exp * 1_000 };
    }
    return null;
  }

  function verify(token: string, kinds: readonly TokenKind[]): TokenClaims {
    if (token.length > MAX_TOKEN_LENGTH) throw new AppError('UNAUTHENTICATED');
    const read = readClaims(token, kinds);
    if (read === null) throw new AppError('UNAUTHENTICATED');
    return read;
  }

  return {
    sign: (kind, subject) =>
      jwt.sign(claims(kind, subject), signer(kind), {
        algorithm: 'HS256',
        issuer: ISSUER,
        audience: AUDIENCE,
        subject: subject.userId,
        expiresIn: deps.ttlSeconds[kind],
        jwtid: randomUUID(),
      }),

    signRefresh: (subject, parent, at) => {
      const issuedAt = Math.floor(at.getTime() / 1_000);
      const times = { iat: issuedAt, exp: issuedAt + deps.ttlSeconds.refresh };
      return jwt.sign({ ...claims('refresh', subject), ...times }, signer('refresh'), {
        algorithm: 'HS256',
        issuer: ISSUER,
        audience: AUDIENCE,
        subject: subject.userId,
        jwtid: createHmac('sha256', signer('refresh'))
          .update(`${subject.sessionId}:${parent}`)
          .digest('base64url'),
      });
    },

    verify,
    recognise: (token, kinds) => {
      const known = recognised.get(token);
      if (known === undefined || !kinds.includes(known.kind)) {
        const read = verify(token, kinds);
        recognised.set(token, read);
        return read;
      }
      if (known.expiresAtMs <= Date.now()) throw new AppError('TOKEN_EXPIRED');
      return known;
    },
  };
}
