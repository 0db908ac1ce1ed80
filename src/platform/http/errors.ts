import type { ErrorRequestHandler, RequestHandler } from 'express';
import type { ErrorBody, FailureEnvelope } from '../../contract/events.js';
import { AppError, notFound } from '../errors/app-error.js';
import { toAppError } from '../errors/to-app-error.js';
import type { Logger } from '../logging/logger.js';
import { contextOf } from './context.js';

/** After all routes: what is not there. */
export function nothingHere(): RequestHandler {
  return (_request, _response, next) => next(notFound('page'));
}

/** Last of all: the one place where an error becomes an answer. Unknown ones are logged here, once, and told as INTERNAL. */
export function errorHandler({
  logger,
  development,
}: {
  logger: Logger;
  development: boolean;
}): ErrorRequestHandler {
  return (cause: unknown, request, response, next) => {
    if (response.headersSent) {
      next(cause);
      return;
    }
    const error = fromParser(cause) ?? toAppError(cause);
    const { requestId } = contextOf(request).origin;
    if (error.status >= 500) {
      const level = error.code === 'INTERNAL' ? 'error' : 'warn';
      logger[level]('a request failed', {
        requestId,
        method: request.method,
        code: error.code,
        error: error.cause ?? error,
      });
    }
    if (error.retryAfterSeconds !== undefined)
      response.setHeader('Retry-After', String(error.retryAfterSeconds));
    const body: ErrorBody & { stack?: string } = {
      code: error.code,
      message: error.message,
      ...(error.details === undefined ? {} : { details: error.details }),
      ...error.fields,
      requestId,
      ...(error.retryAfterSeconds === undefined ? {} : { retryAfter: error.retryAfterSeconds }),
    };
    if (development && error.cause instanceof Error && error.cause.stack !== undefined)
      body.stack = error.cause.stack;
    const envelope: FailureEnvelope = { success: false, message: error.message, error: body };
    response.status(error.status).json(envelope);
  };
}

/** The body parser's and router's own errors, by their `type` or status; null for all others. */
function fromParser(cause: unknown): AppError | null {
  if (typeof cause !== 'object' || cause === null) return null;
  const { type, status } = cause as { type?: unknown; status?: unknown };
  if (type === 'entity.parse.failed') return new AppError('MALFORMED_JSON');
  if (type === 'entity.too.large') return new AppError('TOO_LARGE');
  if (type === 'charset.unsupported' || type === 'encoding.unsupported')
    return new AppError('UNSUPPORTED_TYPE');
  if (type === 'request.aborted' || type === 'request.size.invalid') return new AppError('BAD_REQUEST');
  if (cause instanceof URIError || status === 400) return new AppError('BAD_REQUEST');
  return null;
}
