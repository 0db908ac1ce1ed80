import type { PresenceView } from '../contract/views.js';
import type { Cluster } from '../platform/cluster/cluster.js';
import type { ParleyFacts } from './facts.js';
import type { PairBook } from './pair-book.js';
import { presenceOf } from './presence.watch.js';
import type { UserService } from './user.service.js';

/**
 * Keeps every socket of this node in the presence rooms that its user may be in, as contacts and blocks come and go.
 *
 * Not what a change says counts, but what is true now: two changes of one pair may be heard in another order than they
 * were written.
 */
export type PresenceLinks = {
  /** Whose presence a user who is connecting may hear of for good. */
  of(userId: string): Promise<PresenceCircle>;
  /** The two have a direct chat from now on, or something else between them has changed. */
  bringInLine(a: string, b: string): Promise<void>;
  /** After something between the two has changed: each is shown the other as he may see him now. */
  showEachOther(a: string, b: string): Promise<void>;
};

export type PresenceCircle = { contacts: string[]; blocked: ReadonlySet<string> };

/** How the sockets of one user stand to another: told as a contact; told if they have a direct chat; not told. */
export type PresenceLink = 'contact' | 'peer' | 'none';

/** The sockets a node holds, as far as presence concerns them: given by the realtime layer. */
export type LinkRooms = {
  /** Those of the users who have a socket here, or are about to. */
  present(userIds: readonly string[]): string[];
  /** Everybody who has a socket here. */
  everybody(): string[];
  link(userId: string, otherId: string, how: PresenceLink): void;
  /** Of whom the user's sockets are told here, or would be but for a block. */
  linkedTo(userId: string): string[];
};

type Deps = {
  friends: PairBook;
  blocks: PairBook;
  users: UserService;
  rooms: LinkRooms;
  facts: ParleyFacts;
  cluster: Cluster;
};

export function createPresenceLinks(deps: Deps): PresenceLinks {
  const { friends, blocks, rooms } = deps;

  async function linkOf(a: string, b: string): Promise<PresenceLink> {
    if (await blocks.has(a, b)) return 'none';
    return (await friends.has(a, b)) ? 'contact' : 'peer';
  }

  /** In doubt they hear nothing of each other. */
  async function bringInLine(a: string, b: string): Promise<void> {
    const here = rooms.present([a, b]);
    if (here.length === 0) return;
    const link = await linkOf(a, b).catch(() => 'none' as const);
    for (const userId of here) rooms.link(userId, userId === a ? b : a, link);
  }

  friends.onChanged(bringInLine);
  blocks.onChanged(bringInLine);

  /** This node may have missed what the others told: look at everybody again. */
  deps.cluster.onRejoined(async () => {
    for (const userId of rooms.everybody()) {
      const [contacts, blocked] = await Promise.all([friends.idsOf(userId), blocks.idsOf(userId)]);
      for (const otherId of new Set([...contacts, ...blocked, ...rooms.linkedTo(userId)])) {
        const link = contacts.has(otherId) ? 'contact' : 'peer';
        rooms.link(userId, otherId, blocked.has(otherId) ? 'none' : link);
      }
    }
  });

  async function show(to: string, of: string): Promise<void> {
    const presence: PresenceView = presenceOf(await deps.users.viewFor({ id: to }, of));
    deps.facts.publish('presence.shown', { to, presence });
  }

  return {
    of: async (userId) => {
      const [contacts, blocked] = await Promise.all([friends.idsOf(userId), blocks.idsOf(userId)]);
      return { contacts: [...contacts].filter((id) => !blocked.has(id)), blocked };
    },
    bringInLine,
    showEachOther: async (a, b) => {
      await Promise.all([show(a, b), show(b, a)]);
    },
  };
}
