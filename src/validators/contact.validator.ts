import { input } from '../platform/validation/input.js';
import { integer, objectIds, optional, pattern, withDefault } from '../platform/validation/rule.js';

/** The id of the last item of the page before. */
const cursor = pattern(/^[0-9a-f]{24}$/, 'must be a cursor of this list');

export const pageInput = input<{ limit: number; cursor?: string | undefined }>({
  limit: withDefault(integer({ min: 1, max: 100 }), 20),
  cursor: optional(cursor),
});

export const readNotificationsInput = input<{ ids?: string[] | undefined }>({
  ids: optional(objectIds({ min: 1, max: 500 })),
});
