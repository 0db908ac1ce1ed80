import type { Emitter } from '../platform/realtime/emitter.js';
import { shareJson } from '../platform/realtime/packets.js';
import { room } from '../platform/rooms/rooms.js';
import type { ParleyFacts } from './facts.js';

/** Facts about messages → the chat's room. The sending socket is left out: it has its acknowledgement. */
export function fanOutMessages(facts: ParleyFacts, emitter: Emitter): void {
  facts.on('message.created', ({ chatId, message, socketId }) => {
    // The others' event and the sender's acknowledgement are one text.
    emitter.emit(
      room.chat(chatId),
      'message:new',
      { chatId, message: shareJson(message) },
      { except: socketId },
    );
  });
  facts.on('message.read', ({ socketId, ...mark }) => {
    emitter.emit(room.chat(mark.chatId), 'message:read', mark, { except: socketId });
  });
  facts.on('message.delivered', ({ socketId, ...mark }) => {
    emitter.emit(room.chat(mark.chatId), 'message:delivered', mark, { except: socketId });
  });
  facts.on('typing.changed', ({ socketId, ...typing }) => {
    emitter.emit(room.chat(typing.chatId), 'typing', typing, { except: socketId });
  });
}
