import type { Emitter } from '../platform/realtime/emitter.js';
import { room } from '../platform/rooms/rooms.js';
import type { ParleyFacts } from './facts.js';
import { maySeeLastSeen } from './presence.policy.js';

/** Presence → the person's own sockets, his contacts', and those of who shares a chat with him and is told. */
export function fanOutPresence(facts: ParleyFacts, emitter: Emitter): void {
  facts.on('presence.changed', ({ presence, lastSeenFor }) => {
    const { userId } = presence;
    const audiences = [
      [room.user(userId), 'self'],
      [room.contacts(userId), 'contact'],
      [room.presence(userId), 'presence'],
    ] as const;
    const told = (whole: boolean): string[] =>
      audiences.flatMap(([name, sight]) => (maySeeLastSeen(lastSeenFor, sight) === whole ? [name] : []));
    emitter.emit(told(true), 'presence:update', presence);
    emitter.emit(told(false), 'presence:update', { ...presence, lastSeen: null });
  });

  facts.on('presence.shown', ({ to, presence }) => {
    emitter.emit(room.user(to), 'presence:update', presence);
  });
}
