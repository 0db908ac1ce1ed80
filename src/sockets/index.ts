import type { EventTable } from '../platform/realtime/event-door.js';
import type { Actions } from '../controllers/index.js';
import { chatEvents } from './chat.socket.js';
import { contactEvents } from './contact.socket.js';
import { messageEvents } from './message.socket.js';
import { sessionEvents, type SessionActions } from './session.socket.js';
import { userEvents } from './user.socket.js';

/** Every event a client may send. */
export function socketEvents(actions: Actions, session: SessionActions): EventTable {
  return {
    ...messageEvents(actions.messages),
    ...chatEvents(actions.chats),
    ...userEvents(actions.users),
    ...contactEvents(actions.contacts),
    ...sessionEvents(session),
  };
}
