import { AppError } from '../errors/app-error.js';

/**
 * The error without what must not be logged: ioredis hangs the command and its arguments (tokens, profiles, the
 * password of the handshake) onto its errors, and Redis quotes arguments in some of its messages.
 */
export function bareError(error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  const bare = new Error(message.replace(/,? with args beginning with:.*$/s, ''));
  bare.name = error instanceof Error ? error.name : 'Error';
  return bare;
}

/** What every failure of Redis becomes for those who use it. */
export function unavailable(error: unknown): AppError {
  return error instanceof AppError ? error : new AppError('UNAVAILABLE', { cause: bareError(error) });
}
