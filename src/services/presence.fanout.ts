import type { Emitter } from '../platform/realtime/emitter.js';
import { room } from '../platform/rooms/rooms.js';
import type { ParleyFacts } from './facts.js';

/** Presence → the sockets in that user's presence room: people with a direct chat, and whoever subscribed and may. */
export function fanOutPresence(facts: ParleyFacts, emitter: Emitter): void {
  facts.on('presence.changed', (presence) => {
    emitter.emit([room.presence(presence.userId), room.user(presence.userId)], 'presence:update', presence);
  });
}
