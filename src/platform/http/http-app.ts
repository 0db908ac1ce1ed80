import type { IncomingMessage, ServerResponse } from 'node:http';
import compression from 'compression';
import cors from 'cors';
import express, { type Express, type RequestHandler, type Router } from 'express';
import helmet from 'helmet';
import type { Logger } from '../logging/logger.js';
import { contextOf } from './context.js';
import { errorHandler, nothingHere } from './errors.js';
import { requestId } from './identify.js';
import type { OriginPolicy } from './origins.js';

type Deps = {
  trustProxyHops: number;
  origins: OriginPolicy;
  logger: Logger;
  development: boolean;
  /** True once the process is about to stop: connections end with their next answer, and come back elsewhere. */
  draining: () => boolean;
  /** For everybody, outside the table of actions: health, documentation. */
  open: readonly Router[];
  /** Who asks (identify), then how much he may (limits). */
  identify: RequestHandler;
  limit: RequestHandler;
  /** All of /api. */
  api: RequestHandler;
};

const JSON_LIMIT = '512kb';
/** Below this, compressing costs more than it saves. */
const COMPRESS_FROM_BYTES = 4_096;

/** The Express application, in the order a request passes through it. */
export function createHttpApp(deps: Deps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', deps.trustProxyHops);
  app.set('query parser', 'simple');

  app.use(
    inOrder(
      requestId(),
      accessLog(deps.logger),
      endWhenDraining(deps.draining),
      securityHeaders(),
      crossOrigin(deps.origins),
      compressed(),
    ),
  );
  const body = express.json({ limit: JSON_LIMIT, strict: false });
  app.use('/api', inOrder(deps.identify, deps.limit, body, deps.api));
  app.use(...deps.open);
  app.use(nothingHere());
  app.use(errorHandler(deps));
  return app;
}

/** One layer of Express for several handlers, each of which goes on to the next. */
function inOrder(...handlers: readonly RequestHandler[]): RequestHandler {
  return handlers.reduceRight<RequestHandler>(
    (rest, handler) => (request, response, next) => {
      const running = handler(request, response, (error?: unknown) => {
        if (error === undefined) void rest(request, response, next);
        else next(error);
      });
      if (running instanceof Promise) running.catch(next);
    },
    (_request, _response, next) => next(),
  );
}

function endWhenDraining(draining: () => boolean): RequestHandler {
  return (_request, response, next) => {
    if (draining()) response.setHeader('Connection', 'close');
    next();
  };
}

/** Helmet's headers, which are the same for every answer, worked out once. */
function securityHeaders(): RequestHandler {
  const headers = new Map<string, string>();
  const stand = {
    setHeader: (name: string, value: string) => headers.set(name, value),
    removeHeader: () => undefined,
  };
  helmet({ crossOriginResourcePolicy: { policy: 'same-origin' } })(
    {} as IncomingMessage,
    stand as unknown as ServerResponse,
    () => undefined,
  );
  const fixed = [...headers];
  return (_request, response, next) => {
    for (const [name, value] of fixed) response.setHeader(name, value);
    next();
  };
}

/** Only a browser on another page sends Origin; everybody else need not pay for CORS. */
function crossOrigin(origins: OriginPolicy): RequestHandler {
  const handle = cors(corsOptions(origins));
  return (request, response, next) => {
    if (request.headers.origin !== undefined) {
      handle(request, response, next);
      return;
    }
    response.vary('Origin');
    next();
  };
}

/** What is worth compressing is read: lists, histories, documents. */
function compressed(): RequestHandler {
  const handle = compression({ threshold: COMPRESS_FROM_BYTES });
  return (request, response, next) => {
    if (request.method === 'GET') handle(request, response, next);
    else next();
  };
}

function corsOptions(origins: OriginPolicy): cors.CorsOptionsDelegate {
  return (request, done) => {
    const { origin, host } = request.headers as { origin?: string; host?: string };
    done(null, {
      origin: origin !== undefined && origins.allows(origin, host),
      credentials: true,
      exposedHeaders: ['X-Request-Id', 'RateLimit', 'RateLimit-Policy', 'Retry-After'],
      maxAge: 600,
    });
  };
}

/** One line per request, when it is over. The path without its query: a query may hold what a person searched for. */
function accessLog(logger: Logger): RequestHandler {
  return (request, response, next) => {
    const started = performance.now();
    response.once('finish', () => {
      const { origin, actor } = contextOf(request);
      logger.info('request', {
        requestId: origin.requestId,
        method: request.method,
        path: request.originalUrl.split('?', 1)[0],
        status: response.statusCode,
        ms: Math.round((performance.now() - started) * 10) / 10,
        ...(actor === null ? {} : { userId: actor.userId }),
      });
    });
    next();
  };
}
