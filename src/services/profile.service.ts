import type { Actor, Origin } from '../contract/actor.js';
import type { UpdateProfileInput } from '../contract/inputs.js';
import type { OwnUser } from '../contract/views.js';
import type { UploadedFile } from '../platform/actions/action.js';
import { AppError } from '../platform/errors/app-error.js';
import type { Logger } from '../platform/logging/logger.js';
import { isDuplicateKey } from '../models/ids.js';
import type { ProfileChange, UserDoc, UserModel } from '../models/user.model.js';
import type { Audit } from './audit.service.js';
import type { AvatarStore } from './avatar.store.js';
import type { SessionService } from './session.service.js';
import type { SignInService } from './signin.service.js';
import type { UserService } from './user.service.js';

/**
 * What a person says of himself.
 *
 * Invariants: the subject is the session. A change is on every live node before its answer, also the name by which his open
 * sockets go; the unique index decides who gets a username. A picture is stored before it is shown, and the one before it
 * goes when nobody is shown it any more.
 */
export type ProfileService = {
  /** Throws TAKEN, with nothing changed, when the username is somebody else's. */
  update(actor: Actor, change: UpdateProfileInput, origin: Origin): Promise<OwnUser>;
  /** Throws UNSUPPORTED_TYPE, VALIDATION_FAILED. */
  setAvatar(actor: Actor, file: UploadedFile): Promise<OwnUser>;
  removeAvatar(actor: Actor): Promise<OwnUser>;
};

type Deps = {
  users: UserModel;
  views: UserService;
  sessions: SessionService;
  signin: Pick<SignInService, 'ownView'>;
  avatars: AvatarStore;
  audit: Audit;
  logger: Logger;
};

export function createProfileService(deps: Deps): ProfileService {
  const { users, views, sessions, signin, avatars, audit, logger } = deps;

  async function apply(actor: Actor, change: ProfileChange): Promise<{ before: UserDoc; after: UserDoc }> {
    const changed = await users.updateProfile(actor.userId, change).catch((error: unknown) => {
      if (isDuplicateKey(error)) throw new AppError('TAKEN', { message: 'This username is taken already.' });
      throw error;
    });
    if (changed === null) throw new AppError('SESSION_REVOKED');
    await views.profileChanged(actor.userId);
    return changed;
  }

  /** What nobody is shown any more. Should it fail, the clean-up of files without an owner finds it. */
  async function discard(name: string | null): Promise<void> {
    await avatars
      .discard(name)
      .catch((error: unknown) => logger.warn('an old picture could not be removed', { error }));
  }

  return {
    update: async (actor, change, origin) => {
      const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
      const { before, after } = await apply(actor, given);
      if (before.username !== after.username) {
        await sessions.renew(after);
        // Not the names: a log keeps what an account that is erased must not leave behind.
        await audit.record('username.changed', { userId: actor.userId, origin });
      }
      return signin.ownView(after);
    },

    setAvatar: async (actor, file) => {
      const name = await avatars.keep(file);
      try {
        const { before, after } = await apply(actor, { avatar: name });
        await discard(before.avatar);
        return await signin.ownView(after);
      } catch (error) {
        // Gone meanwhile, or out of reach: in the second case it may have been written after all, and then it is kept.
        const owner = await users.findById(actor.userId).catch(() => undefined);
        if (owner !== undefined && owner?.avatar !== name) await discard(name);
        throw error;
      }
    },

    removeAvatar: async (actor) => {
      const { before, after } = await apply(actor, { avatar: null });
      await discard(before.avatar);
      return signin.ownView(after);
    },
  };
}
