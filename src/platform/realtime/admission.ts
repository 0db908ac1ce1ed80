import { randomUUID } from 'node:crypto';
import type { Server } from 'socket.io';
import type { Actor } from '../../contract/actor.js';
import { readCookie } from '../http/cookies.js';
import { bearerToken, type Authenticate } from '../http/identify.js';
import { AppError } from '../errors/app-error.js';
import { toAppError } from '../errors/to-app-error.js';
import type { Logger } from '../logging/logger.js';
import { tell, type EventDoor } from './event-door.js';
import type { Expected, ParleySocket, RoomsOfUser, SocketRegistry } from './socket-registry.js';

/** What a newcomer needs to know and to be joined to. */
export type Welcome = RoomsOfUser & { unreadTotal: number };

type Deps = {
  registry: SocketRegistry;
  door: EventDoor;
  authenticate: Authenticate;
  accessCookie: string;
  transport: 'both' | 'cookie' | 'bearer';
  welcome: (actor: Actor) => Promise<Welcome>;
  /** Throws TOO_MANY_CONNECTIONS when the user's sockets on all nodes would be too many. */
  takePlace: (userId: string, socketId: string) => Promise<void>;
  leavePlace: (userId: string, socketId: string) => void;
  /** The client's address; throws TOO_MANY_CONNECTIONS when it holds too many connections. */
  addressOf: (socket: ParleySocket) => string;
  onConnected: (userId: string) => void;
  onDisconnected: (actor: Actor) => void;
  nodeName: string;
  clock: () => number;
  logger: Logger;
};

type Admitted = { ledger: Expected; welcome: Welcome };

/**
 * How a connection becomes a user's socket: token → session → a place among his sockets → his rooms. Everything is known
 * before the client hears `connect`, so from that moment on it misses nothing.
 */
export function admitSockets(io: Server, deps: Deps): void {
  const admitted = new WeakMap<ParleySocket, Admitted>();

  io.use((raw, next) => {
    const socket = raw as unknown as ParleySocket;
    prepare(socket).then(
      () => next(),
      (error: unknown) => next(refusal(error, deps.logger)),
    );
  });

  async function prepare(socket: ParleySocket): Promise<void> {
    const ip = deps.addressOf(socket);
    const token = tokenOf(socket, deps);
    if (token === null) throw new AppError('UNAUTHENTICATED');
    const { actor, expiresAtMs } = await deps.authenticate(token);
    await deps.takePlace(actor.userId, socket.id);
    socket.data = {
      actor,
      origin: {
        door: 'socket',
        ip,
        userAgent: socket.handshake.headers['user-agent'] ?? '',
        language: socket.handshake.headers['accept-language'] ?? '',
        requestId: randomUUID(),
        socketId: socket.id,
        refreshToken: null,
        deviceToken: null,
        trustedDevice: null,
      },
      tokenExpiresAt: expiresAtMs,
      limitedSince: 0,
      limitedLast: 0,
      peers: null,
    };
    const ledger = deps.registry.expect(actor.userId);
    try {
      admitted.set(socket, { ledger, welcome: await deps.welcome(actor) });
    } catch (error) {
      ledger.close();
      deps.leavePlace(actor.userId, socket.id);
      throw error;
    }
    // A client that has gone meanwhile never gets to 'connection', so nobody else would give its place back.
    if (socket.conn.readyState !== 'open') {
      ledger.close();
      deps.leavePlace(actor.userId, socket.id);
    }
  }

  /** One function for all sockets: a closure for each would weigh on every idle connection. */
  function onDisconnect(this: ParleySocket, reason: string): void {
    const { actor } = this.data;
    deps.registry.release(this);
    deps.leavePlace(actor.userId, this.id);
    deps.onDisconnected(actor);
    deps.logger.debug('socket closed', { userId: actor.userId, reason });
  }

  io.on('connection', (raw) => {
    const socket = raw as unknown as ParleySocket;
    const entry = admitted.get(socket);
    if (entry === undefined) {
      socket.disconnect(true);
      return;
    }
    const { ledger, welcome } = entry;
    const { actor } = socket.data;
    admitted.delete(socket);
    forgetHandshake(socket);
    deps.registry.admit(socket, ledger, welcome);
    deps.door.attach(socket);
    socket.on('disconnect', onDisconnect);
    deps.onConnected(actor.userId);
    tell(socket, 'connection:established', {
      userId: actor.userId,
      username: actor.username,
      socketId: socket.id,
      serverTime: new Date(deps.clock()).toISOString(),
      sessionId: actor.sessionId,
      node: deps.nodeName,
      unread: { total: welcome.unreadTotal },
    });
    deps.logger.debug('socket opened', { userId: actor.userId });
  });
}

/** The handshake's request and headers are needed no more, and are a good part of what an idle connection weighs. */
function forgetHandshake(socket: ParleySocket): void {
  (socket.conn as { request: unknown }).request = null;
  (socket as { handshake: unknown }).handshake = {};
}

/** `auth: { token }`, else the Authorization header, else the access cookie. */
function tokenOf(socket: ParleySocket, { transport, accessCookie }: Deps): string | null {
  const { auth, headers } = socket.handshake;
  if (transport !== 'cookie') {
    const given = (auth as { token?: unknown } | undefined)?.token;
    if (typeof given === 'string' && given !== '') return bearerToken(given) ?? given;
    const bearer = bearerToken(headers.authorization);
    if (bearer !== null) return bearer;
  }
  return transport === 'bearer' ? null : readCookie(headers.cookie, accessCookie);
}

/** What `connect_error` carries: `data.code`. */
function refusal(cause: unknown, logger: Logger): Error {
  const error = toAppError(cause);
  if (error.code === 'INTERNAL') logger.error('a handshake failed', { error: cause });
  const message = error.status === 401 ? `Authentication failed: ${error.message}` : error.message;
  return Object.assign(new Error(message), { data: { code: error.code, message: error.message } });
}
