import type { ServerEventName, ServerEvents } from '../../contract/events.js';

/** How facts reach sockets, on every node. Services that fan out get this, never the Socket.IO server. */
export type Emitter = {
  /** To every socket in any of the rooms, each once; to nobody when the list is empty. `except`: a socket id left out. */
  emit<E extends ServerEventName>(
    rooms: string | readonly string[],
    event: E,
    payload: ServerEvents[E],
    options?: { except?: string | null },
  ): void;
};
