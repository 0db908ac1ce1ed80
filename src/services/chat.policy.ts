import type { MemberRole } from '../contract/views.js';
import { forbidden } from '../platform/errors/app-error.js';

/** Pure judgements about roles in a chat. Who is no member never gets this far: to him the chat does not exist. */
export const rolePolicy = {
  isAdmin: (role: MemberRole): boolean => role === 'owner' || role === 'admin',

  /** Throws FORBIDDEN for a plain member. */
  assertAdmin: (role: MemberRole): void => {
    if (!rolePolicy.isAdmin(role)) throw forbidden('Only an admin of the group may do this.');
  },

  /** The owner can't be removed; an admin removes members, and only the owner removes admins. */
  canRemove: (actor: MemberRole, target: MemberRole): boolean =>
    target !== 'owner' && (actor === 'owner' || (actor === 'admin' && target === 'member')),

  /** Only the owner hands over; an admin may make admins of members. */
  canSetRole: (actor: MemberRole, from: MemberRole, to: MemberRole): boolean =>
    from !== 'owner' && (actor === 'owner' || (actor === 'admin' && from === 'member' && to === 'admin')),
};
