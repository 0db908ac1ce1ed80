import type { ErrorCode } from '../../contract/error-codes.js';

/** The one table: code → HTTP status (also in socket acknowledgements) → text for a person. */
export const errorTable: Readonly<Record<ErrorCode, { status: number; text: string }>> = {
  MALFORMED_JSON: { status: 400, text: 'The request body is not valid JSON.' },
  BAD_REQUEST: { status: 400, text: 'The request could not be understood.' },
  UNAUTHENTICATED: { status: 401, text: 'Please sign in.' },
  INVALID_CREDENTIALS: { status: 401, text: 'The name or password is wrong.' },
  MFA_REQUIRED: { status: 401, text: 'Please enter the code of your authenticator.' },
  TOKEN_EXPIRED: { status: 401, text: 'The token has expired.' },
  TOKEN_REUSED: { status: 401, text: 'This refresh token was used before; the session has been ended.' },
  SESSION_REVOKED: { status: 401, text: 'This session has ended. Please sign in again.' },
  CSRF_REJECTED: { status: 403, text: 'The request comes from an origin that is not allowed.' },
  FORBIDDEN: { status: 403, text: 'You may not do this.' },
  NOT_FOUND: { status: 404, text: 'This does not exist, or you may not see it.' },
  UNKNOWN_EVENT: { status: 404, text: 'There is no such event.' },
  METHOD_NOT_ALLOWED: { status: 405, text: 'This method is not available here.' },
  CONFLICT: { status: 409, text: 'This conflicts with the present state.' },
  TAKEN: { status: 409, text: 'This is taken already.' },
  EXPIRED: { status: 410, text: 'This has expired.' },
  TOO_LARGE: { status: 413, text: 'This is too large.' },
  UNSUPPORTED_TYPE: { status: 415, text: 'This type of content is not accepted.' },
  VALIDATION_FAILED: { status: 422, text: 'Some fields are not valid.' },
  LOCKED: { status: 423, text: 'This is locked.' },
  LIMITED: { status: 429, text: 'Too many requests. Please wait a moment.' },
  TOO_MANY_CONNECTIONS: { status: 429, text: 'Too many connections.' },
  INTERNAL: { status: 500, text: 'Something went wrong on our side.' },
  UNAVAILABLE: { status: 503, text: 'The service is not available right now. Please try again.' },
};
