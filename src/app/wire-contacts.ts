import type { LimitName } from '../config/limit-table.js';
import { createContactActions } from '../controllers/contact.controller.js';
import type { Models } from '../models/index.js';
import type { Afterwards } from '../platform/background/afterwards.js';
import type { Clock } from '../platform/clock/clock.js';
import type { Cluster } from '../platform/cluster/cluster.js';
import type { Limits } from '../platform/limits/limits.js';
import { createBlockGate } from '../services/block.gate.js';
import { createBlockService } from '../services/block.service.js';
import { createContactService } from '../services/contact.service.js';
import type { ParleyFacts } from '../services/facts.js';
import { createNotificationService } from '../services/notification.service.js';
import { createPairBook } from '../services/pair-book.js';
import type { PresenceLinks } from '../services/presence.links.js';
import type { UserService } from '../services/user.service.js';
import { createVisibility } from '../services/visibility.service.js';

export type Bonds = ReturnType<typeof wireBonds>;

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
    gate: createBlockGate({ chats: models.chats, blocks, blockModel: models.blocks }),
  };
}

type Deps = Bonds & {
  models: Models;
  users: UserService;
  links: PresenceLinks;
  limits: Limits<LimitName>;
  afterwards: Afterwards;
  facts: ParleyFacts;
  clock: Clock;
};

/** Contacts, blocks and notifications. */
export function wireContacts(deps: Deps) {
  const { models } = deps;
  const notifications = createNotificationService({ ...deps, notifications: models.notifications });
  const contacts = createContactService({ ...deps, relations: models.relations, notifications });
  const blocks = createBlockService({
    ...deps,
    ...{ blockModel: models.blocks, members: models.members, contacts, notifications },
  });
  return { notifications, actions: createContactActions({ contacts, blocks, notifications }) };
}
