import type { MessageActions } from '../controllers/message.controller.js';
import type { EventTable } from '../platform/realtime/event-door.js';

export function messageEvents(messages: MessageActions): EventTable {
  return {
    'message:send': { action: messages.send, bucket: 'event' },
    'message:read': { action: messages.read, bucket: 'event' },
    'message:delivered': { action: messages.delivered, bucket: 'signal' },
    'message:history': { action: messages.history, bucket: 'event' },
    'chat:changes': { action: messages.changes, bucket: 'event' },
    'chat:join': { action: messages.focus, bucket: 'event' },
    'chat:leave': { action: messages.blur, bucket: 'event' },
    'typing:start': { action: messages.typingStart, bucket: 'signal' },
    'typing:stop': { action: messages.typingStop, bucket: 'signal' },
    sync: { action: messages.sync, bucket: 'event' },
  };
}
