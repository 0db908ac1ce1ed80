import { presentSharedChat } from '../presenters/chat.presenter.js';
import type { Emitter } from '../platform/realtime/emitter.js';
import { room } from '../platform/rooms/rooms.js';
import type { ChatModel } from '../models/chat.model.js';
import type { MemberModel } from '../models/member.model.js';
import type { ChatViews } from './chat.views.js';
import type { ParleyFacts } from './facts.js';

type Deps = {
  facts: ParleyFacts;
  emitter: Emitter;
  views: ChatViews;
  chats: Pick<ChatModel, 'findById'>;
  members: Pick<MemberModel, 'findByChat'>;
};

/** Facts about chats and their members → the rooms of those whom they concern. */
export function fanOutChats({ facts, emitter, views, chats, members }: Deps): void {
  /** A direct chat bears the other's name, so each side gets its own view; a new group is told to all in one. */
  async function tellNew(chatId: string, userIds: readonly string[]): Promise<void> {
    const stored = await chats.findById(chatId);
    if (stored === null) return;
    if (!stored.isGroup) {
      for (const userId of userIds) {
        emitter.emit(room.user(userId), 'chat:new', { chat: await views.get(userId, chatId) });
      }
      return;
    }
    const last = userIds[userIds.length - 1];
    if (last === undefined) return;
    const chat = userIds.length === 1 ? await views.get(last, chatId) : await views.getShared(last, chatId);
    emitter.emit(userIds.map(room.user), 'chat:new', { chat });
  }

  facts.on('chat.created', ({ chatId, userIds }) => tellNew(chatId, userIds));

  facts.on('chat.updated', async ({ chatId }) => {
    const [anyone] = await members.findByChat(chatId);
    if (anyone === undefined) return;
    const view = await views.getShared(anyone.user.toHexString(), chatId);
    emitter.emit(room.chat(chatId), 'chat:updated', { chat: presentSharedChat(view) });
  });

  facts.on('chat.switched', ({ userId, chat }) => emitter.emit(room.user(userId), 'chat:updated', { chat }));

  facts.on('chat.deleted', ({ chatId, userIds }) =>
    emitter.emit(userIds.map(room.user), 'chat:removed', { chatId }),
  );

  facts.on('member.joined', async ({ chatId, user, by }) => {
    emitter.emit(room.chat(chatId), 'member:joined', { chatId, user, by });
    await tellNew(chatId, [user.id]);
  });

  facts.on('member.left', ({ chatId, userId, by }) => {
    emitter.emit(room.chat(chatId), 'member:left', { chatId, userId, by });
    emitter.emit(room.user(userId), 'chat:removed', { chatId });
  });
}
