import type { MemberModel } from '../models/member.model.js';
import type { PairBook } from './pair-book.js';

/**
 * Who may know of whose presence.
 *
 * Contacts may, and whoever shares a chat with the person (a direct one or a group); nobody else, and never the two of a
 * blocked pair. What is told to many at once is what each of them may know.
 */
export type Visibility = {
  /** What the viewer may see of each of the people. */
  sight(viewer: Viewer, userIds: readonly string[]): Promise<(userId: string) => Sight>;
  /**
   * Of whom everybody in a broadcast's audience, people who share a chat, may see the presence. `audience` absent: not
   * known, so whoever has a block with anybody is left out.
   */
  shared(userIds: readonly string[], audience?: ReadonlySet<string>): Promise<(userId: string) => boolean>;
};

/** `sharing`: people who are known to share a chat with the viewer, so that it need not be looked up. */
export type Viewer = { id: string; sharing?: ReadonlySet<string> };

/** Nothing; presence; presence as a contact; his own. */
export type Sight = 'nothing' | 'presence' | 'contact' | 'self';

export function createVisibility(deps: {
  friends: PairBook;
  blocks: PairBook;
  members: Pick<MemberModel, 'thoseSharingChat'>;
}): Visibility {
  const { friends, blocks, members } = deps;
  return {
    sight: async (viewer, userIds) => {
      const contacts = await friends.idsOf(viewer.id);
      const known = (id: string): boolean =>
        id === viewer.id || contacts.has(id) || viewer.sharing?.has(id) === true;
      const unknown = userIds.filter((id) => !known(id));
      const sharing = unknown.length === 0 ? [] : await members.thoseSharingChat(viewer.id, unknown);
      const seen = new Set(sharing);
      // Last, so that a block that came meanwhile counts.
      const blocked = await blocks.idsOf(viewer.id);
      return (id) => {
        if (id === viewer.id) return 'self';
        if (blocked.has(id)) return 'nothing';
        if (contacts.has(id)) return 'contact';
        return seen.has(id) || known(id) ? 'presence' : 'nothing';
      };
    },

    shared: async (userIds, audience) => {
      const blocked = await blocks.idsOfMany(userIds);
      return (id) => {
        const ids = blocked.get(id);
        if (ids === undefined || ids.size === 0) return true;
        if (audience === undefined) return false;
        const [few, many] = ids.size < audience.size ? [ids, audience] : [audience, ids];
        for (const each of few) if (many.has(each)) return false;
        return true;
      };
    },
  };
}
