import type { PageInput } from '../contract/inputs.js';
import { input } from '../platform/validation/input.js';
import { integer, optional, pattern, withDefault } from '../platform/validation/rule.js';

/** The fields of every list. */
const pageFields = {
  limit: withDefault(integer({ min: 1, max: 100 }), 20),
  cursor: optional(pattern(/^[\w-]{1,200}$/, 'must be a cursor of this list')),
};

export const pageInput = input<PageInput>(pageFields);
