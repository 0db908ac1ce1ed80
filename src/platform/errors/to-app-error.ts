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
  if (error instanceof Error && UNREACHABLE.has(error.name)) {
    return new AppError('UNAVAILABLE', { cause: error, retryAfterSeconds: 2 });
  }
  return new AppError('INTERNAL', { cause: error });
}
