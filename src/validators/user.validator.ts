import type { UpdateProfileInput } from '../contract/inputs.js';
import type { PresenceStatus, UserSettings } from '../contract/views.js';
import { input } from '../platform/validation/input.js';
import {
  integer,
  objectId,
  objectIds,
  oneOf,
  optional,
  pattern,
  shaped,
  text,
  withDefault,
} from '../platform/validation/rule.js';
import { line, username } from './account.rules.js';

export const userRef = input<{ id: string }>({ id: objectId() });

export const searchUsersInput = input<{ search: string; limit: number }>({
  search: text({ max: 100 }),
  limit: withDefault(integer({ min: 1, max: 100 }), 20),
});

export const statusInput = input<{ status: PresenceStatus }>({
  status: oneOf('online', 'away', 'busy', 'offline'),
});

export const subscribeInput = input<{ userIds: string[] }>({ userIds: objectIds({ min: 1, max: 200 }) });

/** What each setting may be; the first is what it is for newcomers. */
const SETTINGS: { readonly [K in keyof UserSettings]: readonly UserSettings[K][] } = {
  lastSeen: ['everyone', 'contacts', 'nobody'],
};

/** Those settings that are to change. One that we do not know is refused, not passed over: it may be meant for one we do. */
const settings = shaped<Partial<UserSettings>>({
  accept: (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.keys(value).length > 0 &&
    Object.entries(value).every(
      ([name, choice]) =>
        Object.hasOwn(SETTINGS, name) &&
        (SETTINGS[name as keyof UserSettings] as readonly unknown[]).includes(choice),
    ),
  message: `must be an object of: ${Object.entries(SETTINGS)
    .map(([name, choices]) => `${name} (${choices.join(', ')})`)
    .join('; ')}`,
  json: {
    type: 'object',
    minProperties: 1,
    additionalProperties: false,
    properties: Object.fromEntries(
      Object.entries(SETTINGS).map(([name, choices]) => [name, { type: 'string', enum: choices }]),
    ),
  },
  read: (value) => ({ ...(value as Partial<UserSettings>) }),
});

export const updateProfileInput = input<UpdateProfileInput>(
  {
    username: optional(username),
    firstName: optional(line({ min: 0, max: 50 })),
    lastName: optional(line({ min: 0, max: 50 })),
    bio: optional(text({ min: 0, max: 150 })),
    statusText: optional(line({ min: 0, max: 100 })),
    settings: optional(settings),
  },
  (change) =>
    Object.values(change).every((value) => value === undefined)
      ? { field: 'username', message: 'or another field of the profile must be given' }
      : null,
);

/** Pixels of an edge: the next larger variant is served. */
export const avatarRef = input<{ name: string; size: number }>({
  name: pattern(/^[0-9a-f]{32}$/, 'must be the name of a picture'),
  size: withDefault(integer({ min: 1, max: 4_096 }), 256),
});
