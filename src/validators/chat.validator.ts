import type {
  AddMembersInput,
  ChatRef,
  CreateChatInput,
  ListInput,
  MemberRef,
  SetRoleInput,
} from '../contract/inputs.js';
import { input } from '../platform/validation/input.js';
import {
  boolean,
  integer,
  objectId,
  objectIds,
  oneOf,
  optional,
  pattern,
  text,
  withDefault,
} from '../platform/validation/rule.js';

/** More than any group may have: the exact limit (MAX_GROUP_SIZE) is the service's to say. */
const MANY = 10_000;
const chatName = text({ max: 100 });
const description = text({ min: 0, max: 1_000 });

export const createChatInput = input<CreateChatInput>(
  {
    userId: optional(objectId()),
    users: optional(objectIds({ min: 1, max: MANY })),
    chatName: optional(chatName),
    description: optional(description),
  },
  (chat) => {
    if (chat.userId === undefined && chat.users === undefined)
      return { field: 'userId', message: 'or users must be given' };
    if (chat.userId !== undefined && chat.users !== undefined)
      return { field: 'userId', message: 'and users exclude each other' };
    return chat.users !== undefined && chat.chatName === undefined
      ? { field: 'chatName', message: 'must be given for a group' }
      : null;
  },
);

export const listInput = input<ListInput>({
  limit: withDefault(integer({ min: 1, max: 100 }), 20),
  cursor: optional(pattern(/^[\w-]{1,100}$/, 'must be a cursor of this list')),
  page: optional(integer({ min: 1, max: 100_000 })),
});

export const chatRef = input<ChatRef>({ chatId: objectId() });
export const memberRef = input<MemberRef>({ chatId: objectId(), userId: objectId() });
export const addMembersInput = input<AddMembersInput>({
  chatId: objectId(),
  users: objectIds({ min: 1, max: MANY }),
});
export const setRoleInput = input<SetRoleInput>({
  chatId: objectId(),
  userId: objectId(),
  role: oneOf('member', 'admin', 'owner'),
});

export const updateChatInput = input<{
  chatId: string;
  chatName?: string | undefined;
  description?: string | undefined;
}>({ chatId: objectId(), chatName: optional(chatName), description: optional(description) }, (change) =>
  change.chatName === undefined && change.description === undefined
    ? { field: 'chatName', message: 'or description must be given' }
    : null,
);

export const switchesInput = input<{
  chatId: string;
  muted?: boolean | undefined;
  pinned?: boolean | undefined;
  archived?: boolean | undefined;
}>({
  chatId: objectId(),
  muted: optional(boolean()),
  pinned: optional(boolean()),
  archived: optional(boolean()),
});
