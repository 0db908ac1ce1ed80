import type { Actor } from '../contract/actor.js';
import type { NotificationKind, NotificationView } from '../contract/views.js';
import type { Afterwards } from '../platform/background/afterwards.js';
import type { Clock } from '../platform/clock/clock.js';
import { firstIdAt, newId, toId } from '../models/ids.js';
import type { NotificationDoc, NotificationModel } from '../models/notification.model.js';
import { presentNotification } from '../presenters/notification.presenter.js';
import type { ParleyFacts } from './facts.js';
import type { PairBook } from './pair-book.js';
import type { UserService } from './user.service.js';

/**
 * What concerns one user and is kept until he has seen it: the newest 500 of the last 90 days.
 *
 * A notification is stored before it is told. Nothing is kept that comes from somebody with whom the user has a block.
 */
export type NotificationService = {
  add(userId: string, notification: NewNotification): Promise<void>;
  /** What it asks for has been answered: it counts as read. */
  answered(userId: string, which: Once): Promise<void>;
  /** What it tells of is no more. */
  takeBack(userId: string, which: Once): Promise<void>;
  list(
    actor: Actor,
    page: { cursor?: string | undefined; limit: number },
  ): Promise<{
    notifications: NotificationView[];
    unreadCount: number;
    nextCursor: string | null;
    hasMore: boolean;
  }>;
  /** `ids` absent: all. Answers how many are unread now. */
  markRead(actor: Actor, ids?: string[]): Promise<{ unreadCount: number }>;
};

/** `from` null: from the house. */
export type NewNotification = {
  kind: NotificationKind;
  from: string | null;
  chatId?: string;
  messageId?: string;
  text?: string;
};

/** Of these a person has one at most. */
type Once = { kind: 'friend-request' | 'friend-accepted'; from: string };

type Deps = {
  notifications: NotificationModel;
  users: UserService;
  blocks: PairBook;
  afterwards: Afterwards;
  facts: ParleyFacts;
  clock: Clock;
};

const KEPT = 500;
const KEPT_MS = 90 * 24 * 3_600_000;

const onceOf = ({ kind, from }: Once): string => `${kind}:${from}`;

export function createNotificationService(deps: Deps): NotificationService {
  const { notifications, users, clock } = deps;
  const first = () => firstIdAt(clock() - KEPT_MS);
  /** Users whose list is about to be trimmed. */
  const trimming = new Set<string>();

  function trim(userId: string): void {
    if (trimming.has(userId)) return;
    trimming.add(userId);
    deps.afterwards.run('trim notifications', async () => {
      trimming.delete(userId);
      await notifications.trim(userId, { keep: KEPT, first: first() });
    });
  }

  async function present(userId: string, list: readonly NotificationDoc[]): Promise<NotificationView[]> {
    const from = list.flatMap((one) => one.from?.toHexString() ?? []);
    const views = await users.viewsFor({ id: userId }, from);
    return list.map((one) => presentNotification(one, views.get(one.from?.toHexString() ?? '') ?? null));
  }

  const countUnread = (userId: string): Promise<number> => notifications.countUnread(userId, first());

  async function tellRead(userId: string, ids: string[] | null): Promise<number> {
    const unreadCount = await countUnread(userId);
    deps.facts.publish('notification.read', { to: userId, ids, unreadCount });
    return unreadCount;
  }

  return {
    add: async (userId, { kind, from, chatId, messageId, text }) => {
      if (from !== null && (await deps.blocks.has(userId, from))) return;
      const once =
        from !== null && (kind === 'friend-request' || kind === 'friend-accepted')
          ? onceOf({ kind, from })
          : undefined;
      const notification: NotificationDoc = {
        ...{ _id: newId(), user: toId(userId), kind, from: from === null ? null : toId(from), readAt: null },
        ...(chatId === undefined ? {} : { chat: toId(chatId) }),
        ...(messageId === undefined ? {} : { message: toId(messageId) }),
        ...(text === undefined ? {} : { text }),
        ...(once === undefined ? {} : { once }),
      };
      if (!(await notifications.insert(notification))) return;
      trim(userId);
      const [[view], unreadCount] = await Promise.all([present(userId, [notification]), countUnread(userId)]);
      if (view !== undefined) {
        deps.facts.publish('notification.added', { to: userId, notification: view, unreadCount });
      }
    },

    answered: async (userId, which) => {
      const found = await notifications.findOnce(userId, onceOf(which));
      if (found?.readAt !== null) return;
      const id = found._id.toHexString();
      await notifications.markRead(userId, new Date(clock()), [id]);
      await tellRead(userId, [id]);
    },

    takeBack: async (userId, which) => {
      const found = await notifications.findOnce(userId, onceOf(which));
      if (found === null || !(await notifications.deleteOnce(userId, onceOf(which)))) return;
      await tellRead(userId, [found._id.toHexString()]);
    },

    list: async (actor, { cursor, limit }) => {
      const [found, unreadCount] = await Promise.all([
        notifications.page(actor.userId, { before: cursor, first: first(), limit: limit + 1 }),
        countUnread(actor.userId),
      ]);
      const page = found.slice(0, limit);
      const hasMore = found.length > limit;
      return {
        notifications: await present(actor.userId, page),
        unreadCount,
        nextCursor: hasMore ? (page[page.length - 1]?._id.toHexString() ?? null) : null,
        hasMore,
      };
    },

    markRead: async (actor, ids) => {
      await notifications.markRead(actor.userId, new Date(clock()), ids);
      return { unreadCount: await tellRead(actor.userId, ids ?? null) };
    },
  };
}
