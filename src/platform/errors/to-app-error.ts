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

/** What a door says of any error: an AppError as it is, an unreachable database as UNAVAILABLE, all else INTERNAL. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (isUnreachable(error)) {
    return new AppError('UNAVAILABLE', { cause: error, retryAfterSeconds: 2 });
  }
  return new AppError('INTERNAL', { cause: error });
}

/** By name; or a bulk write that broke without any of its writes being refused; or by what caused it. */
function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (UNREACHABLE.has(error.name)) return true;
  if (error.name === 'MongoBulkWriteError' && 'writeErrors' in error) {
    const { writeErrors } = error;
    if (Array.isArray(writeErrors) && writeErrors.length === 0) return true;
  }
  if (error.name === 'MongooseError' && error.message.includes('bufferCommands')) return true;
  return isUnreachable(error.cause);
}
