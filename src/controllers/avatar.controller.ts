import { action, openAction, uploadAction, type Action } from '../platform/actions/action.js';
import type { Limits } from '../platform/limits/limits.js';
import type { LimitName } from '../config/limit-table.js';
import type { AvatarStore } from '../services/avatar.store.js';
import type { ProfileService } from '../services/profile.service.js';
import { nothing } from '../validators/auth.validator.js';
import { avatarRef } from '../validators/user.validator.js';

export type AvatarActions = Record<'set' | 'remove' | 'serve', Action>;

type Deps = {
  profile: ProfileService;
  avatars: AvatarStore;
  limits: Limits<LimitName>;
  maxBytes: number;
};

export function createAvatarActions({ profile, avatars, limits, maxBytes }: Deps): AvatarActions {
  const upload = {
    fields: ['avatar', 'image'],
    maxBytes,
    before: (actor: { userId: string }) => limits.spend('upload', actor.userId),
  } as const;
  return {
    set: uploadAction(nothing, upload, async ({ actor, file }) => ({
      message: 'Picture set.',
      data: await profile.setAvatar(actor, file),
    })),
    remove: action(nothing, async ({ actor }) => ({
      message: 'Picture removed.',
      data: await profile.removeAvatar(actor),
    })),
    serve: openAction(avatarRef, async ({ input }) => ({
      message: 'Picture.',
      data: null,
      file: await avatars.serve(input.name, input.size),
    })),
  };
}
