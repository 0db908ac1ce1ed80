import type { Request } from 'express';
import type { Actor, Origin } from '../../contract/actor.js';
import type { AppError } from '../errors/app-error.js';

/** What the door knows of a request, found once before any route. */
export type RequestContext = {
  origin: Origin;
  actor: Actor | null;
  /** Why the credentials that came were not taken; told by routes that need someone signed in. */
  refused: AppError | null;
};

const contexts = new WeakMap<Request, RequestContext>();

export function setContext(request: Request, context: RequestContext): void {
  contexts.set(request, context);
}

/** Throws when the request passed no `identify`: a mistake in the order of the middleware. */
export function contextOf(request: Request): RequestContext {
  const context = contexts.get(request);
  if (context === undefined) throw new Error('The request has no context.');
  return context;
}
