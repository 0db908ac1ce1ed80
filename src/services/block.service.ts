import type { Actor } from '../contract/actor.js';
import type { BlockView } from '../contract/views.js';
import type { LimitName } from '../config/limit-table.js';
import type { Clock } from '../platform/clock/clock.js';
import { invalid } from '../platform/errors/app-error.js';
import type { Limits } from '../platform/limits/limits.js';
import type { BlockModel } from '../models/block.model.js';
import type { MemberModel } from '../models/member.model.js';
import type { ContactService } from './contact.service.js';
import type { ParleyFacts } from './facts.js';
import type { NotificationService } from './notification.service.js';
import type { PairBook } from './pair-book.js';
import type { PresenceLinks } from './presence.links.js';
import type { UserService } from './user.service.js';

/**
 * Blocks: what one person has closed to another. What follows from one stands in block.gate and visibility.service; a
 * friendship is left as it is, and is there again when the block is taken back.
 *
 * Invariants: a block is in force on every live node before its answer; repeating it is safe, and tells a node that had
 * missed it. The other is told nothing, and sees what he would see of somebody who has gone offline.
 */
export type BlockService = {
  /** Throws NOT_FOUND, LIMITED. Blocking again changes nothing. */
  block(actor: Actor, userId: string): Promise<void>;
  /** Taking back what is not there changes nothing. Throws NOT_FOUND when there is no such user. */
  unblock(actor: Actor, userId: string): Promise<void>;
  /** Whom the actor has blocked, the latest first. */
  list(
    actor: Actor,
    page: { cursor?: string | undefined; limit: number },
  ): Promise<{ blocks: BlockView[]; nextCursor: string | null; hasMore: boolean }>;
};

type Deps = {
  blockModel: BlockModel;
  blocks: PairBook;
  friends: PairBook;
  members: Pick<MemberModel, 'thoseSharingChat'>;
  contacts: Pick<ContactService, 'withdraw'>;
  notifications: Pick<NotificationService, 'takeBack'>;
  users: UserService;
  links: PresenceLinks;
  limits: Limits<LimitName>;
  facts: ParleyFacts;
  clock: Clock;
};

export function createBlockService(deps: Deps): BlockService {
  const { blockModel, blocks, users } = deps;

  /**
   * Shows each the other as he may see him now. Not to strangers: an event about somebody of whom they knew nothing
   * would tell them what has happened.
   */
  async function showEachOther(me: string, userId: string): Promise<void> {
    const known =
      (await deps.friends.has(me, userId)) || (await deps.members.thoseSharingChat(me, [userId])).length > 0;
    if (known) await deps.links.showEachOther(me, userId);
  }

  return {
    block: async (actor, userId) => {
      const me = actor.userId;
      if (userId === me) throw invalid({ field: 'id', message: 'must be somebody else' });
      await users.view(userId);
      await deps.limits.spend('user.block', me);
      await blockModel.add(me, userId, new Date(deps.clock()));
      await blocks.announce(me, userId);
      deps.facts.publish('block.changed', { by: me, userId, isBlocked: true });
      await showEachOther(me, userId);
      await deps.contacts.withdraw(actor, userId);
      await deps.notifications.takeBack(me, { kind: 'friend-request', from: userId });
    },

    unblock: async (actor, userId) => {
      const me = actor.userId;
      await users.view(userId);
      await blockModel.remove(me, userId);
      await blocks.announce(me, userId);
      deps.facts.publish('block.changed', { by: me, userId, isBlocked: false });
      await showEachOther(me, userId);
    },

    list: async (actor, { cursor, limit }) => {
      const found = await blockModel.page(actor.userId, { before: cursor, limit: limit + 1 });
      const page = found.slice(0, limit);
      const hasMore = found.length > limit;
      const views = await users.views(page.map(({ user }) => user.toHexString()));
      return {
        blocks: page.flatMap(({ user, at }) => {
          const view = views.get(user.toHexString());
          return view === undefined ? [] : [{ user: view, createdAt: at.toISOString() }];
        }),
        nextCursor: hasMore ? (page[page.length - 1]?._id.toHexString() ?? null) : null,
        hasMore,
      };
    },
  };
}
