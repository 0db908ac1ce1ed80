import { action, type Action } from '../platform/actions/action.js';
import type { Limits } from '../platform/limits/limits.js';
import type { LimitName } from '../config/limit-table.js';
import type { MessageService } from '../services/message.service.js';
import type { SyncService } from '../services/sync.service.js';
import type { TypingService } from '../services/typing.service.js';
import { chatRef } from '../validators/chat.validator.js';
import {
  changesInput,
  historyInput,
  readInput,
  sendMessageInput,
  syncInput,
} from '../validators/message.validator.js';

export type MessageActions = Record<
  | 'send'
  | 'history'
  | 'changes'
  | 'read'
  | 'delivered'
  | 'sync'
  | 'typingStart'
  | 'typingStop'
  | 'focus'
  | 'blur',
  Action
>;

type Deps = {
  messages: MessageService;
  sync: SyncService;
  typing: TypingService;
  limits: Limits<LimitName>;
  maxMessageLength: number;
};

export function createMessageActions({
  messages,
  sync,
  typing,
  limits,
  maxMessageLength,
}: Deps): MessageActions {
  return {
    send: action(sendMessageInput({ maxMessageLength }), async ({ actor, input, origin }) => {
      await limits.spend('message.send', actor.userId);
      return { message: 'Message sent.', data: await messages.send(actor, input, origin.socketId) };
    }),
    history: action(historyInput, async ({ actor, input }) => ({
      message: 'Messages.',
      data: await messages.history(actor, input),
    })),
    changes: action(changesInput, async ({ actor, input }) => ({
      message: 'Changes.',
      data: await messages.changes(actor, input),
    })),
    read: action(readInput, async ({ actor, input, origin }) => ({
      message: 'Marked as read.',
      data: await messages.markRead(actor, input, origin.socketId),
    })),
    delivered: action(readInput, async ({ actor, input, origin }) => ({
      message: 'Marked as delivered.',
      data: await messages.markDelivered(actor, input, origin.socketId),
    })),
    sync: action(syncInput, async ({ actor, input }) => ({
      message: 'In sync.',
      data: await sync.sync(actor, input),
    })),
    typingStart: action(chatRef, async ({ actor, input, origin }) => {
      await typing.start(actor, input.chatId, origin.socketId);
      return { message: 'Typing.', data: {} };
    }),
    typingStop: action(chatRef, async ({ actor, input, origin }) => {
      await typing.stop(actor, input.chatId, origin.socketId);
      return { message: 'Not typing.', data: {} };
    }),
    focus: action(chatRef, async ({ actor, input }) => ({
      message: 'Chat opened.',
      data: await messages.focus(actor, input.chatId),
    })),
    blur: action(chatRef, async ({ actor, input, origin }) => {
      await typing.stop(actor, input.chatId, origin.socketId);
      return { message: 'Chat left.', data: {} };
    }),
  };
}
