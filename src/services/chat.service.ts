import type { Actor } from '../contract/actor.js';
import type { AddMembersInput, CreateChatInput, ListInput, SetRoleInput } from '../contract/inputs.js';
import type { ChatView, MemberRole } from '../contract/views.js';
import type { Clock } from '../platform/clock/clock.js';
import { AppError, forbidden, invalid, notFound } from '../platform/errors/app-error.js';
import type { ChatModel } from '../models/chat.model.js';
import { newId, toId } from '../models/ids.js';
import type { MemberModel, MemberDoc } from '../models/member.model.js';
import type { MessageModel } from '../models/message.model.js';
import { decodeCursor, encodeCursor } from './chat.cursor.js';
import { rolePolicy } from './chat.policy.js';
import type { ChatViews } from './chat.views.js';
import type { BlockGate } from './block.gate.js';
import type { ParleyFacts } from './facts.js';
import type { MemberService } from './member.service.js';
import type { MessageService } from './message.service.js';
import type { UserService } from './user.service.js';

/**
 * Chats and their members.
 *
 * Without transactions, each change is one document, or steps in an order in which stopping between two leaves nothing
 * wrong: memberships of a group are written before the group, so a group that exists has all its members; a direct chat's
 * unique key decides who made it, and both sides are entered again by whoever asks next.
 */
export type ChatService = {
  openDirect(actor: Actor, userId: string): Promise<{ chat: ChatView; created: boolean }>;
  createGroup(
    actor: Actor,
    input: CreateChatInput & { users: string[]; chatName: string },
  ): Promise<ChatView>;
  list(
    actor: Actor,
    input: ListInput,
  ): Promise<{ chats: ChatView[]; nextCursor: string | null; hasMore: boolean }>;
  get(actor: Actor, chatId: string): Promise<ChatView>;
  update(
    actor: Actor,
    input: { chatId: string; chatName?: string | undefined; description?: string | undefined },
  ): Promise<ChatView>;
  delete(actor: Actor, chatId: string): Promise<void>;
  addMembers(actor: Actor, input: AddMembersInput): Promise<ChatView>;
  /** Oneself: leave. Another: remove him. */
  removeMember(actor: Actor, chatId: string, userId: string): Promise<void>;
  setRole(actor: Actor, input: SetRoleInput): Promise<ChatView>;
  setSwitches(
    actor: Actor,
    input: {
      chatId: string;
      muted?: boolean | undefined;
      pinned?: boolean | undefined;
      archived?: boolean | undefined;
    },
  ): Promise<ChatView>;
};

type Deps = {
  chats: ChatModel;
  memberModel: MemberModel;
  messageModel: MessageModel;
  members: MemberService;
  messages: MessageService;
  users: UserService;
  views: ChatViews;
  gate: BlockGate;
  facts: ParleyFacts;
  clock: Clock;
  maxGroupSize: number;
};

export function createChatService(deps: Deps): ChatService {
  const { chats, memberModel, members, messages, users, views, facts, clock } = deps;
  const now = (): Date => new Date(clock());

  async function assertAddable(actor: Actor, ids: readonly string[]): Promise<void> {
    if ((await users.countExisting(ids)) < ids.length)
      throw invalid({ field: 'users', message: 'names a user who does not exist' });
    await deps.gate.assertAddable(actor.userId, ids);
  }

  /** Groups only: a direct chat has its two people for good. */
  async function groupOf(chatId: string): Promise<void> {
    const chat = await chats.findById(chatId);
    if (chat === null) throw notFound('chat');
    if (!chat.isGroup) throw new AppError('CONFLICT', { message: 'A direct chat has no members to manage.' });
  }

  async function memberOf(chatId: string, userId: string): Promise<MemberDoc> {
    const member = await memberModel.find(chatId, userId);
    if (member === null) throw notFound('member');
    return member;
  }

  async function nameOf(userId: string): Promise<string> {
    return (await users.views([userId])).get(userId)?.name ?? 'Someone';
  }

  /** When the owner leaves the oldest admin inherits, else the oldest member. */
  async function handOver(chatId: string, leavingId: string): Promise<void> {
    const others = (await memberModel.findByChat(chatId)).filter((m) => m.user.toHexString() !== leavingId);
    const heir =
      others.find((m) => m.role === 'owner') ?? others.find((m) => m.role === 'admin') ?? others[0];
    if (heir !== undefined) await members.setRole(chatId, heir.user.toHexString(), 'owner');
  }

  async function takeOut(actor: Actor, chatId: string, userId: string, text: string): Promise<void> {
    await members.remove(chatId, userId);
    facts.publish('member.left', { chatId, userId, by: actor.userId });
    if ((await memberModel.count(chatId)) > 0) {
      await messages.sendSystem(actor, chatId, text);
    } else {
      await chats.delete(chatId);
      await deps.messageModel.deleteByChat(chatId);
    }
  }

  async function leave(actor: Actor, chatId: string, role: MemberRole): Promise<void> {
    if (role === 'owner') await handOver(chatId, actor.userId);
    await takeOut(actor, chatId, actor.userId, `${await nameOf(actor.userId)} left`);
    if (role === 'owner') facts.publish('chat.updated', { chatId });
  }

  return {
    openDirect: async (actor, userId) => {
      if (userId === actor.userId) throw invalid({ field: 'userId', message: 'must be somebody else' });
      await users.view(userId);
      const pair = [actor.userId, userId].sort();
      await deps.gate.assertMayOpen(actor.userId, userId);
      const at = now();
      const { chat, created } = await chats.upsertDirect({ key: pair.join(':'), by: toId(actor.userId), at });
      const chatId = chat._id.toHexString();
      const added = await members.add(
        chatId,
        pair.map((id) => ({ chat: chat._id, user: toId(id), role: 'member', lastReadSeq: 0, at })),
        { direct: true },
      );
      if (added.length > 0) facts.publish('chat.created', { chatId, userIds: pair });
      return { chat: await views.get(actor.userId, chatId), created };
    },

    createGroup: async (actor, input) => {
      const others = input.users.filter((id) => id !== actor.userId);
      if (others.length === 0)
        throw invalid({ field: 'users', message: 'must name at least one other user' });
      if (others.length + 1 > deps.maxGroupSize) {
        throw invalid({
          field: 'users',
          message: `must leave the group within ${deps.maxGroupSize} members`,
        });
      }
      await assertAddable(actor, others);
      const chat = newId();
      const chatId = chat.toHexString();
      const at = now();
      // Memberships first: a stop before the next step leaves memberships of no chat, which nobody can see.
      await memberModel.add(
        [actor.userId, ...others].map((id) => ({
          chat,
          user: toId(id),
          role: id === actor.userId ? 'owner' : 'member',
          lastReadSeq: 0,
          at,
        })),
      );
      await chats.insertGroup({
        _id: chat,
        name: input.chatName,
        description: input.description ?? '',
        createdBy: toId(actor.userId),
        at,
      });
      await members.announceEntered(chatId, [actor.userId, ...others]);
      facts.publish('chat.created', { chatId, userIds: [actor.userId, ...others] });
      return views.get(actor.userId, chatId);
    },

    list: async (actor, input) => {
      const cursor = input.cursor === undefined ? undefined : decodeCursor(input.cursor);
      const skip = input.page === undefined ? 0 : (input.page - 1) * input.limit;
      const page = await views.page(actor.userId, { cursor, skip, limit: input.limit });
      const next = page.hasMore && page.last !== null ? encodeCursor(page.last) : null;
      return { chats: page.chats, nextCursor: next, hasMore: page.hasMore };
    },

    get: (actor, chatId) => views.get(actor.userId, chatId),

    update: async (actor, input) => {
      await members.require(input.chatId, actor.userId);
      await groupOf(input.chatId);
      await members.requireAdmin(input.chatId, actor.userId);
      const change = {
        ...(input.chatName === undefined ? {} : { name: input.chatName }),
        ...(input.description === undefined ? {} : { description: input.description }),
      };
      await chats.update(input.chatId, change, now());
      const what =
        input.chatName === undefined ? 'changed the description' : `named the group “${input.chatName}”`;
      await messages.sendSystem(actor, input.chatId, `${await nameOf(actor.userId)} ${what}`);
      facts.publish('chat.updated', { chatId: input.chatId });
      return views.get(actor.userId, input.chatId);
    },

    delete: async (actor, chatId) => {
      const role = await members.require(chatId, actor.userId);
      await groupOf(chatId);
      if (role !== 'owner') throw forbidden('Only the owner may delete the group.');
      const userIds = (await memberModel.findByChat(chatId)).map((member) => member.user.toHexString());
      // The chat first: without it nobody sees anything of it, whatever is left to clear away.
      await chats.delete(chatId);
      await members.removeAll(chatId, userIds);
      facts.publish('chat.deleted', { chatId, userIds });
      await deps.messageModel.deleteByChat(chatId);
    },

    addMembers: async (actor, input) => {
      const { chatId } = input;
      await members.require(chatId, actor.userId);
      await groupOf(chatId);
      await members.requireAdmin(chatId, actor.userId);
      await assertAddable(actor, input.users);
      const [size, inAlready] = await Promise.all([
        memberModel.count(chatId),
        memberModel.findAmong(chatId, input.users),
      ]);
      if (size + input.users.length - inAlready.length > deps.maxGroupSize) {
        throw invalid({
          field: 'users',
          message: `must leave the group within ${deps.maxGroupSize} members`,
        });
      }
      const { seq } = await deps.messageModel.tail(toId(chatId));
      const at = now();
      const added = await members.add(
        chatId,
        input.users.map((id) => ({
          chat: toId(chatId),
          user: toId(id),
          role: 'member',
          lastReadSeq: seq,
          at,
        })),
      );
      if (added.length > 0) {
        const newcomers = await users.viewsForMany(added);
        for (const user of newcomers.values())
          facts.publish('member.joined', { chatId, user, by: actor.userId });
        const names = [...newcomers.values()].map((user) => user.name).join(', ');
        await messages.sendSystem(
          actor,
          chatId,
          `${await nameOf(actor.userId)} added ${names}`.slice(0, 1_000),
        );
      }
      return views.get(actor.userId, chatId);
    },

    removeMember: async (actor, chatId, userId) => {
      const role = await members.require(chatId, actor.userId);
      await groupOf(chatId);
      if (userId === actor.userId) return leave(actor, chatId, role);
      rolePolicy.assertAdmin(role);
      const target = await memberModel.find(chatId, userId);
      if (target === null) {
        // Perhaps removed by a try that a node did not hear of: cut him again before saying that he is not there.
        await members.remove(chatId, userId);
        throw notFound('member');
      }
      if (!rolePolicy.canRemove(role, target.role)) throw forbidden('You may not remove this member.');
      await takeOut(actor, chatId, userId, `${await nameOf(actor.userId)} removed ${await nameOf(userId)}`);
    },

    setRole: async (actor, input) => {
      const { chatId, userId, role } = input;
      await members.require(chatId, actor.userId);
      await groupOf(chatId);
      const own = await members.requireAdmin(chatId, actor.userId);
      const target = await memberOf(chatId, userId);
      if (!rolePolicy.canSetRole(own, target.role, role)) throw forbidden('You may not give this role.');
      if (target.role === role) return views.get(actor.userId, chatId);
      await members.setRole(chatId, userId, role);
      if (role === 'owner') await members.setRole(chatId, actor.userId, 'admin');
      await messages.sendSystem(
        actor,
        chatId,
        `${await nameOf(actor.userId)} made ${await nameOf(userId)} ${role}`,
      );
      facts.publish('chat.updated', { chatId });
      return views.get(actor.userId, chatId);
    },

    setSwitches: async (actor, { chatId, ...switches }) => {
      await members.require(chatId, actor.userId);
      const given = Object.fromEntries(Object.entries(switches).filter(([, value]) => value !== undefined));
      await memberModel.setSwitches(chatId, actor.userId, given);
      const view = await views.get(actor.userId, chatId);
      facts.publish('chat.switched', { userId: actor.userId, chat: view });
      return view;
    },
  };
}
