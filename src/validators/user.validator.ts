import type { PresenceStatus } from '../contract/views.js';
import { input } from '../platform/validation/input.js';
import { integer, objectId, objectIds, oneOf, text, withDefault } from '../platform/validation/rule.js';

export const userRef = input<{ id: string }>({ id: objectId() });

export const searchUsersInput = input<{ search: string; limit: number }>({
  search: text({ max: 100 }),
  limit: withDefault(integer({ min: 1, max: 100 }), 20),
});

export const statusInput = input<{ status: PresenceStatus }>({
  status: oneOf('online', 'away', 'busy', 'offline'),
});

export const subscribeInput = input<{ userIds: string[] }>({ userIds: objectIds({ min: 1, max: 200 }) });
