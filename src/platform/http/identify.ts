import { randomUUID } from 'node:crypto';
import type { Request, RequestHandler } from 'express';
import type { Actor } from '../../contract/actor.js';
import { AppError } from '../errors/app-error.js';
import { toAppError } from '../errors/to-app-error.js';
import { setContext, type RequestContext } from './context.js';
import { readCookie, type SessionCookies } from './cookies.js';
import type { OriginPolicy } from './origins.js';

/** Reads who acts from a token. Throws an AppError that says why not. */
export type Authenticate = (token: string) => Promise<{ actor: Actor; expiresAtMs: number }>;

type Deps = {
  authenticate: Authenticate;
  cookies: SessionCookies;
  transport: 'both' | 'cookie' | 'bearer';
  origins: OriginPolicy;
  /** Paths that change something by GET as well. */
  changingGets: ReadonlySet<string>;
};

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);
const SANE_ID = /^[\w.:-]{1,128}$/;

/** First of all middleware: gives the request its id, in the answer too. */
export function requestId(): RequestHandler {
  return (request, response, next) => {
    const asked = request.headers['x-request-id'];
    const id = typeof asked === 'string' && SANE_ID.test(asked) ? asked : randomUUID();
    response.setHeader('X-Request-Id', id);
    setContext(request, {
      origin: {
        door: 'http',
        ip: request.ip ?? '',
        userAgent: request.headers['user-agent'] ?? '',
        language: request.headers['accept-language'] ?? '',
        requestId: id,
        socketId: null,
        refreshToken: null,
        deviceToken: null,
        trustedDevice: null,
      },
      actor: null,
      refused: null,
    });
    next();
  };
}

/**
 * Finds out who asks. Bad credentials are no error yet: an open route does not need any. A bearer token wins over a
 * cookie; a request that acts by cookie and changes something must come from an allowed page.
 */
export function identify(deps: Deps, contextOf: (request: Request) => RequestContext): RequestHandler {
  const { authenticate, cookies, transport, origins, changingGets } = deps;

  function readAuthCookies(context: RequestContext, header: string | undefined): void {
    const refreshToken = readCookie(header, cookies.refreshName);
    const deviceToken = readCookie(header, cookies.deviceName);
    const trustedDevice = readCookie(header, cookies.trustedName);
    if (refreshToken !== null || deviceToken !== null || trustedDevice !== null)
      context.origin = { ...context.origin, refreshToken, deviceToken, trustedDevice };
  }

  async function find(request: Request): Promise<void> {
    const context = contextOf(request);
    if (transport !== 'bearer') readAuthCookies(context, request.headers.cookie);
    const bearer = transport === 'cookie' ? null : bearerToken(request.headers.authorization);
    const cookie =
      bearer !== null || transport === 'bearer'
        ? null
        : readCookie(request.headers.cookie, cookies.accessName);
    const token = bearer ?? cookie;
    if (token === null && context.origin.refreshToken === null) return;
    try {
      const changes = !SAFE_METHODS.has(request.method) || changingGets.has(request.path);
      if (bearer === null && changes) assertSameSite(request, origins);
      if (token !== null) context.actor = (await authenticate(token)).actor;
    } catch (error) {
      context.refused = toAppError(error);
    }
  }

  return (request, _response, next) => {
    find(request).then(() => next(), next);
  };
}

export function bearerToken(header: string | undefined): string | null {
  if (header === undefined || header.length < 8 || header.slice(0, 7).toLowerCase() !== 'bearer ')
    return null;
  return header.slice(7).trim();
}

/** Throws CSRF_REJECTED. No header at all is no browser's request (curl, Postman) and passes. */
function assertSameSite(request: Request, origins: OriginPolicy): void {
  const { origin, referer, host } = request.headers;
  const site = request.headers['sec-fetch-site'];
  const claimed = origin ?? (referer === undefined ? undefined : originOf(referer));
  if (claimed !== undefined) {
    if (!origins.allows(claimed, host)) throw new AppError('CSRF_REJECTED');
  } else if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    throw new AppError('CSRF_REJECTED');
  }
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : 'null';
}
