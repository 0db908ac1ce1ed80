import { Router, type Request, type RequestHandler, type Response } from 'express';
import type { SuccessEnvelope } from '../../contract/events.js';
import type { Action, Presented, Reply } from '../actions/action.js';
import { AppError } from '../errors/app-error.js';
import { contextOf } from './context.js';
import type { SessionCookies } from './cookies.js';
import { sendFile } from './file-answer.js';
import type { Uploads } from './upload.js';

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

/**
 * One line of a route table. `status` is that of success, 200 unless said. `file`: the type of what is answered instead of
 * the envelope.
 */
export type Route = { method: Method; path: string; action: Action; status?: number; file?: string };
export type RouteTable = readonly Route[];

type Deps = { cookies: SessionCookies; transport: 'both' | 'cookie' | 'bearer'; uploads: Uploads };

/**
 * All routes of the tables behind one handler. There is a router for each first segment of a path, so that a request is
 * held against the routes of its own capability, and not against all.
 */
export function doorOf(tables: readonly RouteTable[], deps: Deps): RequestHandler {
  const routers = new Map<string, Router>();
  for (const route of tables.flat()) {
    const first = firstSegment(route.path);
    const router = routers.get(first) ?? Router();
    router[route.method](route.path, http(route, deps));
    routers.set(first, router);
  }
  return (request, response, next) => {
    const router = routers.get(firstSegment(request.path));
    if (router === undefined) next();
    else router(request, response, next);
  };
}

/** Of `/Chats/:chatId` it is `chats`: paths are told apart without regard to case, as Express does. */
function firstSegment(path: string): string {
  const end = path.indexOf('/', 1);
  return (end === -1 ? path.slice(1) : path.slice(1, end)).toLowerCase();
}

/** The HTTP door: path, query and body become one input, the action runs, the envelope goes out. Express 5 forwards rejections. */
function http(route: Route, deps: Deps): RequestHandler {
  return async (request, response) => {
    const context = contextOf(request);
    const { refused } = context;
    if (refused !== null && (!route.action.open || refused.code === 'CSRF_REJECTED')) throw refused;
    const reply =
      route.action.upload === undefined
        ? await route.action.perform(rawInput(request), context.actor, context.origin)
        : await performWithFile(request, response, { action: route.action, uploads: deps.uploads });
    if (reply.file !== undefined) await sendFile(request, response, reply.file);
    else respond(request, response, { reply, status: reply.status ?? route.status ?? 200, ...deps });
  };
}

/** A body with a file is read only for those who may send one, and leaves nothing behind. */
async function performWithFile(
  request: Request,
  response: Response,
  { action, uploads }: { action: Action; uploads: Uploads },
): Promise<Reply> {
  const { actor, origin } = contextOf(request);
  if (actor === null || action.upload === undefined) throw new AppError('UNAUTHENTICATED');
  await action.upload.before(actor);
  const received = await uploads.receive(request, response, action.upload);
  try {
    const raw = { ...request.query, ...received.fields, ...request.params };
    return await action.perform(raw, actor, origin, received.file);
  } finally {
    await received.discard();
  }
}

/** Path parameters win over the body or the query: they are what the route was chosen by. */
function rawInput(request: Request): unknown {
  const body: unknown = request.body;
  // Nothing was parsed, though something came: it was not JSON.
  if (body === undefined && hasBody(request)) throw new AppError('UNSUPPORTED_TYPE');
  if (body !== undefined && (typeof body !== 'object' || body === null || Array.isArray(body))) {
    throw new AppError('VALIDATION_FAILED', { details: [{ field: '', message: 'must be an object' }] });
  }
  return { ...request.query, ...body, ...request.params };
}

function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function respond(
  request: Request,
  response: Response,
  { reply, status, cookies, transport }: { reply: Reply; status: number } & Deps,
): void {
  const { session } = reply;
  let data = reply.data;
  if (session !== undefined) {
    if (transport !== 'bearer') cookies.apply(response, session);
    const tokenWanted = transport !== 'cookie' && request.headers['x-token-delivery'] !== 'cookie';
    if (session.kind === 'opened' && session.bearerToken !== null && tokenWanted) {
      data = { ...(data as Record<string, Presented>), token: session.bearerToken };
    }
  }
  const envelope: SuccessEnvelope<Presented> = { success: true, message: reply.message, data };
  sendJson(response, status, envelope);
}

/** What Express's own `json` comes to with our settings (no ETag, no escaping), at a fraction of its cost. */
function sendJson(response: Response, status: number, body: object): void {
  // As text, head and body leave in one write.
  const text = JSON.stringify(body);
  response.statusCode = status;
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.end(text);
}
