import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { Server } from 'socket.io';
import { AppError } from '../errors/app-error.js';
import type { Logger } from '../logging/logger.js';
import type { OriginPolicy } from '../http/origins.js';
import type { Emitter } from './emitter.js';
import { clusterEmitter, localEmitter } from './emitters.js';
import { parser } from './packets.js';
import { batchWrites, type EngineConnection } from './write-batching.js';
import type { ParleySocket } from './socket-registry.js';

export type RealtimeSettings = {
  /** A connection that has not finished its handshake by then is cut. */
  handshakeTimeoutMs: number;
  maxConnectionsPerIp: number;
  trustProxyHops: number;
};

type Deps = {
  http: HttpServer;
  origins: OriginPolicy;
  settings: RealtimeSettings;
  logger: Logger;
  /** The Redis adapter's constructor where several processes run; absent: this process's own rooms. */
  adapter?: Parameters<Server['adapter']>[0];
};

export type RealtimeServer = {
  readonly io: Server;
  readonly emitter: Emitter;
  /** The socket's address. Throws TOO_MANY_CONNECTIONS when that address holds too many connections to this process. */
  addressOf(socket: ParleySocket): string;
  /** Cuts every connection and stops. The HTTP server is closed by its owner. */
  close(): void;
};

const ADDRESS = Symbol('address');

type CountedConnection = {
  [ADDRESS]?: string;
  readonly request: IncomingMessage;
  on(event: 'close', listener: (this: CountedConnection) => void): void;
};

const MAX_PAYLOAD_BYTES = 1024 * 1024;

/** Socket.IO beside Express on one HTTP server. Its only home, with the registry and the event door. */
export function createRealtimeServer({ http, origins, settings, adapter, logger }: Deps): RealtimeServer {
  const perIp = new Map<string, number>();
  const io = new Server(http, {
    serveClient: false,
    parser,
    maxHttpBufferSize: MAX_PAYLOAD_BYTES,
    // A compressor costs 240 KB a connection once it is used.
    perMessageDeflate: false,
    connectTimeout: settings.handshakeTimeoutMs,
    cors: (request, done) => {
      const { origin, host } = request.headers;
      done(null, { origin: origin !== undefined && origins.allows(origin, host), credentials: true });
    },
    // CORS does not stop a WebSocket from a foreign page; this does. Recovery stays off: it would re-join a removed member.
    allowRequest: (request, done) => {
      const { origin, host } = request.headers;
      done(null, origin === undefined || origins.allows(origin, host));
    },
    ...(adapter === undefined ? {} : { adapter }),
  });

  // Engine.IO refuses an upgrade with 400, whatever the reason; a foreign page shall see that it is forbidden.
  http.prependListener('upgrade', (request: IncomingMessage, socket: Duplex) => {
    const { origin, host } = request.headers;
    if (origin !== undefined && !origins.allows(origin, host)) {
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    }
  });

  const batched = batchWrites(logger);
  io.engine.on('connection', (connection: EngineConnection & CountedConnection) => {
    batched(connection);
    const ip = clientIp(connection.request, settings.trustProxyHops);
    connection[ADDRESS] = ip;
    perIp.set(ip, (perIp.get(ip) ?? 0) + 1);
    connection.on('close', onClose);
  });

  function onClose(this: CountedConnection): void {
    const ip = this[ADDRESS] ?? '';
    const left = (perIp.get(ip) ?? 1) - 1;
    if (left === 0) perIp.delete(ip);
    else perIp.set(ip, left);
  }

  const emitter = adapter === undefined ? localEmitter(io) : clusterEmitter(io);

  return {
    io,
    emitter,
    // Counted per process: a proxy keeps one address on one copy (hash), and what is protected is this copy's descriptors.
    addressOf: (socket) => {
      const ip = clientIp(socket.request, settings.trustProxyHops);
      if ((perIp.get(ip) ?? 0) > settings.maxConnectionsPerIp) throw new AppError('TOO_MANY_CONNECTIONS');
      return ip;
    },
    close: () => {
      // As a lost connection, which clients mend by themselves; told to go (`disconnectSockets`) they would stay away.
      io.engine.close();
    },
  };
}

/** The client's address, believing as many proxies as are ours: the same rule as Express's `trust proxy` by hop count. */
function clientIp(request: IncomingMessage, trustProxyHops: number): string {
  const direct = request.socket.remoteAddress ?? '';
  if (trustProxyHops === 0) return direct;
  const chain = [...String(request.headers['x-forwarded-for'] ?? '').split(','), direct]
    .map((s) => s.trim())
    .filter(Boolean);
  return chain[Math.max(0, chain.length - 1 - trustProxyHops)] ?? direct;
}
