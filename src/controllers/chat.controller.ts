import { action, type Action } from '../platform/actions/action.js';
import { invalid } from '../platform/errors/app-error.js';
import type { ChatService } from '../services/chat.service.js';
import {
  addMembersInput,
  chatRef,
  createChatInput,
  listInput,
  memberRef,
  setRoleInput,
  switchesInput,
  updateChatInput,
} from '../validators/chat.validator.js';

export type ChatActions = Record<
  'create' | 'list' | 'get' | 'update' | 'delete' | 'addMembers' | 'removeMember' | 'setRole' | 'setSwitches',
  Action
>;

export function createChatActions(chats: ChatService): ChatActions {
  return {
    create: action(createChatInput, async ({ actor, input }) => {
      if (input.userId !== undefined) {
        const { chat, created } = await chats.openDirect(actor, input.userId);
        return {
          message: created ? 'Chat created.' : 'Chat opened.',
          data: chat,
          status: created ? 201 : 200,
        };
      }
      const { users, chatName } = input;
      if (users === undefined || chatName === undefined)
        throw invalid({ field: 'users', message: 'must be given' });
      return {
        message: 'Group created.',
        data: await chats.createGroup(actor, { ...input, users, chatName }),
        status: 201,
      };
    }),
    list: action(listInput, async ({ actor, input }) => ({
      message: 'Your chats.',
      data: await chats.list(actor, input),
    })),
    get: action(chatRef, async ({ actor, input }) => ({
      message: 'Chat.',
      data: await chats.get(actor, input.chatId),
    })),
    update: action(updateChatInput, async ({ actor, input }) => ({
      message: 'Group changed.',
      data: await chats.update(actor, input),
    })),
    delete: action(chatRef, async ({ actor, input }) => {
      await chats.delete(actor, input.chatId);
      return { message: 'Group deleted.', data: {} };
    }),
    addMembers: action(addMembersInput, async ({ actor, input }) => ({
      message: 'Members added.',
      data: await chats.addMembers(actor, input),
    })),
    removeMember: action(memberRef, async ({ actor, input }) => {
      await chats.removeMember(actor, input.chatId, input.userId);
      return { message: input.userId === actor.userId ? 'You left the group.' : 'Member removed.', data: {} };
    }),
    setRole: action(setRoleInput, async ({ actor, input }) => ({
      message: 'Role changed.',
      data: await chats.setRole(actor, input),
    })),
    setSwitches: action(switchesInput, async ({ actor, input }) => ({
      message: 'Chat settings changed.',
      data: await chats.setSwitches(actor, input),
    })),
  };
}
