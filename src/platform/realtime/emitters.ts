import type { Server } from 'socket.io';
import { WebSocket } from 'ws';
import type { Emitter } from './emitter.js';
import { encodeEvent } from './packets.js';

/** Through the adapter, to the sockets of all nodes. */
export function clusterEmitter(io: Server): Emitter {
  return {
    emit: (rooms, event, payload, options = {}) => {
      // Socket.IO takes an empty list of rooms for "everybody".
      if (rooms.length === 0) return;
      const target = io.to(rooms as string | string[]);
      const { except } = options;
      (typeof except === 'string' ? target.except(except) : target).emit(event, payload);
    },
  };
}

/** Engine.IO takes a WebSocket frame that is made already; its types don't say so. */
type WriteOptions = { compress: boolean; wsPreEncodedFrame?: Buffer[] };

/**
 * Where there is one process, all sockets are here: the packet is made once and handed to each connection, past the
 * adapter's general machinery, which costs as much as the message itself.
 */
export function localEmitter(io: Server): Emitter {
  const { adapter, sockets } = io.of('/');

  /** Each socket once, though it may be in several of the rooms. */
  function members(rooms: string | readonly string[]): Iterable<string> {
    if (typeof rooms === 'string') return adapter.rooms.get(rooms) ?? [];
    const ids = new Set<string>();
    for (const name of rooms) for (const id of adapter.rooms.get(name) ?? []) ids.add(id);
    return ids;
  }

  return {
    emit: (rooms, event, payload, { except } = {}) => {
      let packet: string | null = null;
      let options: WriteOptions = { compress: false };
      for (const id of members(rooms)) {
        if (id === except) continue;
        const socket = sockets.get(id);
        if (socket === undefined) continue;
        if (packet === null) {
          packet = encodeEvent(event, payload);
          options = { compress: false, wsPreEncodedFrame: frameOf(packet) };
        }
        socket.conn.write(packet, options);
      }
    },
  };
}

/** "4" is Engine.IO's packet type "message". */
function frameOf(packet: string): Buffer[] {
  const settings = { fin: true, rsv1: false, opcode: 1, mask: false, readOnly: false };
  return (
    WebSocket as unknown as { Sender: { frame(data: Buffer, options: object): Buffer[] } }
  ).Sender.frame(Buffer.from(`4${packet}`), settings);
}
