import type { Logger } from '../logging/logger.js';

/** As much of an Engine.IO connection as is used here; its types are not exported by socket.io. */
export type EngineConnection = {
  readonly readyState: string;
  readonly transport: {
    readonly name: string;
    readonly writable: boolean;
    /** Of a WebSocket transport: the ws socket, and below it the TCP socket. */
    readonly socket?: { readonly _socket?: CorkableSocket | null; terminate(): void };
  };
  readonly writeBuffer: { readonly data?: string | Buffer }[];
  flush(): void;
  close(discard: boolean): void;
};

type CorkableSocket = { cork(): void; uncork(): void; readonly writableLength: number };

/** A reader that takes no more than this is cut; it syncs when it comes back. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;
/** How many packets may pile up before their bytes are counted. */
const COUNT_FROM_PACKETS = 64;

/**
 * Writes to each connection once per event-loop turn: what one turn sends to a socket (an acknowledgement and a message,
 * ten messages of a busy group) leaves in one system call, which is what sending costs most. Also cuts slow readers.
 *
 * Engine.IO flushes with each packet; this puts the flush off to the end of the turn, after all that arrived in it.
 */
export function batchWrites(logger: Logger): (connection: EngineConnection) => void {
  const waiting = new Set<EngineConnection>();

  function flushAll(): void {
    const connections = [...waiting];
    waiting.clear();
    for (const connection of connections) flushNow(connection);
  }

  function flushNow(connection: EngineConnection): void {
    const prototype = Object.getPrototypeOf(connection) as EngineConnection;
    const tcp = connection.writeBuffer.length < 2 ? null : connection.transport.socket?._socket;
    tcp?.cork();
    prototype.flush.call(connection);
    tcp?.uncork();
  }

  function later(this: EngineConnection): void {
    if (!this.transport.writable) {
      if (this.writeBuffer.length % COUNT_FROM_PACKETS === 0) cutIfSlow(this);
      return;
    }
    if (waiting.size === 0) setImmediate(flushAll);
    waiting.add(this);
  }

  function cutIfSlow(connection: EngineConnection): void {
    const { transport, writeBuffer } = connection;
    const queued = writeBuffer.reduce((sum, packet) => sum + (packet.data?.length ?? 0), 0);
    const bytes = queued + (transport.socket?._socket?.writableLength ?? 0);
    if (bytes <= MAX_BUFFERED_BYTES) return;
    logger.warn('a slow reader was cut', { bytes });
    if (transport.socket === undefined) connection.close(true);
    else transport.socket.terminate();
  }

  return (connection) => {
    connection.flush = later;
  };
}
