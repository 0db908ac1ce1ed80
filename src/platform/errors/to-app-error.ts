import { AppError } from './app-error.js';

/** Errors of the database driver that mean "not now", by name: the doors answer 503 and the client tries again. */
const UNREACHABLE = new Set([
  'MongoServerSelectionError',
  'MongoNetworkError',
  'MongoNetworkTimeoutError',
  'MongoNotConnectedError',
  'MongoTopologyClosedError',
  'MongoWaitQueueTimeoutError',
  'MongoPoolClearedError',
  'MongoPoolClosedError',
  'MongoOperationTimeoutError',
  'PoolClearedOnNetworkError',
  'MongooseServerSelectionError',
]);

/** The driver lets a connection that ended just before it writes speak for itself, in the system's words. */
const CONNECTION_ENDED = new Set(['EPIPE', 'ECONNRESET', 'ECONNREFUSED', 'ECONNABORTED', 'ETIMEDOUT']);

/** What a door says of any error: an AppError as it is, an unreachable database as UNAVAILABLE, all else INTERNAL. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (isUnreachable(error)) {
    return new AppError('UNAVAILABLE', { cause: error, retryAfterSeconds: 2 });
  }
  return new AppError('INTERNAL', { cause: error });
}

/** By name; or by the system's code; or a bulk write that broke without any of its writes being refused; or by what caused it. */
function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (UNREACHABLE.has(error.name)) return true;
  if ('code' in error && CONNECTION_ENDED.has(String(error.code))) return true;
  if (error.name === 'MongoBulkWriteError' && 'writeErrors' in error) {
    const { writeErrors } = error;
    if (Array.isArray(writeErrors) && writeErrors.length === 0) return true;
  }
  if (error.name === 'MongooseError' && error.message.includes('bufferCommands')) return true;
  return isUnreachable(error.cause);
}
