import type { OwnUser, PresenceView, PublicUser } from '../contract/views.js';
import type { UserDoc, UserProfile } from '../models/user.model.js';

/** A user as others see him. `presence` is already cut down to what the viewer may know. */
export function presentUser(user: UserProfile, presence: Omit<PresenceView, 'userId'>): PublicUser {
  const id = user._id.toHexString();
  const fullName = `${user.firstName} ${user.lastName}`.trim();
  return {
    _id: id,
    id,
    username: user.username,
    firstName: user.firstName,
    lastName: user.lastName,
    name: fullName === '' ? user.username : fullName,
    avatar: avatarPath(user.avatar),
    bio: user.bio,
    ...(user.statusText ? { statusText: user.statusText } : {}),
    isOnline: presence.isOnline,
    status: presence.status,
    lastSeen: presence.lastSeen,
    createdAt: user.createdAt.toISOString(),
  };
}

/** Where a picture is served; of people and of groups alike. */
export function avatarPath(name: string | null): string | null {
  return name === null ? null : `/api/avatars/${name}`;
}

/** A user as he sees himself. */
export function presentOwnUser(user: UserDoc, presence: Omit<PresenceView, 'userId'>): OwnUser {
  return {
    ...presentUser(user, presence),
    email: user.email,
    isVerified: user.isVerified,
    mfaEnabled: user.mfaEnabled,
    settings: { lastSeen: user.settings.lastSeen },
    lastLoginAt: user.lastLoginAt?.toISOString() ?? null,
  };
}
