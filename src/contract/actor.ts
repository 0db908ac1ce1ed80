/** Which names a session speaks: fixed by the path it signed in by, carried in its token as `dia`. */
export type Dialect = 'canonical' | '001' | '002' | '003';

export type UserRole = 'user' | 'moderator' | 'admin';

/** Who acts. Made by the one token verifier only, never from a request body. */
export type Actor = {
  readonly userId: string;
  readonly username: string;
  readonly sessionId: string;
  readonly dialect: Dialect;
  readonly role: UserRole;
};

/** Where a call came from: for limits, audit and so that a sender's own socket is left out of the broadcast. */
export type Origin = {
  readonly door: 'http' | 'socket';
  readonly ip: string;
  readonly userAgent: string;
  /** The Accept-Language header; empty when there is none. */
  readonly language: string;
  readonly requestId: string;
  readonly socketId: string | null;
  /** The refresh cookie, which a browser sends to /api/auth only. Never logged. */
  readonly refreshToken: string | null;
  /** The cookie by which a browser is known again when it signs in. Never logged. */
  readonly deviceToken: string | null;
  /** The cookie of a trusted device, likewise. Never logged. */
  readonly trustedDevice: string | null;
};
