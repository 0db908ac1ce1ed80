import type { ErrorCode } from '../../contract/error-codes.js';
import { errorTable } from './error-table.js';

export type FieldProblem = { field: string; message: string };

type Extra = {
  /** Text for the person; the table's text when absent. Never put internals here: it is sent. */
  message?: string;
  details?: FieldProblem[];
  /** For LIMITED and UNAVAILABLE: becomes `Retry-After`. */
  retryAfterSeconds?: number;
  /** Further fields of `error` in the answer, such as `mfaTicket`. */
  fields?: Readonly<Record<string, string>>;
  /** What really happened: logged, never sent. */
  cause?: unknown;
};

/** The one error that doors translate: anything else becomes INTERNAL. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly details: FieldProblem[] | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly fields: Readonly<Record<string, string>> | undefined;

  constructor(code: ErrorCode, extra: Extra = {}) {
    super(
      extra.message ?? errorTable[code].text,
      extra.cause === undefined ? undefined : { cause: extra.cause },
    );
    this.name = 'AppError';
    this.code = code;
    this.status = errorTable[code].status;
    this.details = extra.details;
    this.retryAfterSeconds = extra.retryAfterSeconds;
    this.fields = extra.fields;
  }
}

/** Denied looks like absent: the answer for what is not there and for what the caller may not know of. */
export function notFound(
  thing:
    'chat' | 'message' | 'user' | 'session' | 'page' | 'member' | 'file' | 'request' | 'contact' | 'report',
): AppError {
  return new AppError('NOT_FOUND', { message: `This ${thing} does not exist, or you may not see it.` });
}

export function forbidden(message?: string): AppError {
  return new AppError('FORBIDDEN', message === undefined ? {} : { message });
}

/** One or more fields are wrong; `field` is a path such as `content.text`. */
export function invalid(...details: FieldProblem[]): AppError {
  return new AppError('VALIDATION_FAILED', { details });
}
