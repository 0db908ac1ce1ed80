import type { SessionActions } from '../controllers/session.controller.js';
import type { EventTable } from '../platform/realtime/event-door.js';

export type { SessionActions };

export function sessionEvents(session: SessionActions): EventTable {
  return { 'auth:refresh': { action: session.refresh, bucket: 'event' } };
}
