import type { Emitter } from '../platform/realtime/emitter.js';
import { room } from '../platform/rooms/rooms.js';
import type { ParleyFacts } from './facts.js';

/** What concerns one user alone → all of his devices: contacts, blocks, notifications. */
export function fanOutContacts(facts: ParleyFacts, emitter: Emitter): void {
  facts.on('contact.changed', ({ to, contact }) => emitter.emit(room.user(to), 'contact:updated', contact));
  facts.on('block.changed', ({ by, ...block }) => emitter.emit(room.user(by), 'block:updated', block));
  facts.on('notification.added', ({ to, ...told }) => emitter.emit(room.user(to), 'notification:new', told));
  facts.on('notification.read', ({ to, ...told }) => emitter.emit(room.user(to), 'notification:read', told));
}
