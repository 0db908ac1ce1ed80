import type { Models } from '../models/index.js';
import type { Cluster } from '../platform/cluster/cluster.js';
import { createBlockGate } from '../services/block.gate.js';
import { createPairBook } from '../services/pair-book.js';
import { createVisibility } from '../services/visibility.service.js';

/** Who is whose contact and who has blocked whom, and what follows from it for everybody else's services. */
export function wireBonds({ models, cluster }: { models: Models; cluster: Cluster }) {
  const friends = createPairBook({
    ...{ topic: 'contacts.changed', cluster },
    load: (userIds) => models.relations.friendPairs(userIds),
  });
  const blocks = createPairBook({
    ...{ topic: 'blocks.changed', cluster },
    load: (userIds) => models.blocks.pairsOf(userIds),
  });
  return {
    friends,
    blocks,
    visibility: createVisibility({ friends, blocks, members: models.members }),
    gate: createBlockGate({ chats: models.chats, blocks }),
  };
}
