import type { Emitter } from '../platform/realtime/emitter.js';
import { shareJson } from '../platform/realtime/packets.js';
import { room } from '../platform/rooms/rooms.js';
import type { FactMap, ParleyFacts } from './facts.js';

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
  const tellMark =
    (event: 'message:read' | 'message:delivered') =>
    ({ socketId, alone, ...mark }: FactMap['message.read']): void =>
      emitter.emit(alone ? room.user(mark.userId) : room.chat(mark.chatId), event, mark, {
        except: socketId,
      });
  facts.on('message.read', tellMark('message:read'));
  facts.on('message.delivered', tellMark('message:delivered'));
  facts.on('typing.changed', ({ socketId, ...typing }) => {
    emitter.emit(room.chat(typing.chatId), 'typing', typing, { except: socketId });
  });
}
