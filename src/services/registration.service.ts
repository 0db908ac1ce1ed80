import type { Origin } from '../contract/actor.js';
import type { RegisterInput } from '../contract/inputs.js';
import type { LimitName } from '../config/limit-table.js';
import { AppError, invalid } from '../platform/errors/app-error.js';
import type { Limits } from '../platform/limits/limits.js';
import { isDuplicateKey, newId } from '../models/ids.js';
import type { UserModel } from '../models/user.model.js';
import type { Audit } from './audit.service.js';
import type { Passwords } from './password.js';
import type { SignedIn, SignInService } from './signin.service.js';

/**
 * New accounts.
 *
 * Invariant: the unique indexes on name and address decide between registrations at the same moment.
 */
export type RegistrationService = {
  register(input: RegisterInput, origin: Origin): Promise<SignedIn>;
};

type Deps = {
  users: UserModel;
  signin: SignInService;
  passwords: Passwords;
  limits: Limits<LimitName>;
  audit: Audit;
};

export function createRegistrationService(deps: Deps): RegistrationService {
  const { users, passwords, limits } = deps;
  return {
    register: async (input, origin) => {
      if (passwords.isCommon(input.password)) {
        throw invalid({
          field: 'password',
          message: 'is one of the most common passwords; please choose another',
        });
      }
      await limits.assertLeft('auth.address', origin.ip);
      const passwordHash = await passwords.hash(input.password);
      try {
        const user = await users.create({
          _id: newId(),
          username: input.username,
          usernameKey: input.username.toLowerCase(),
          email: input.email,
          passwordHash,
          firstName: input.firstName ?? '',
          lastName: input.lastName ?? '',
          avatar: null,
          bio: '',
          role: 'user',
          isVerified: false,
          mfaEnabled: false,
          settings: { lastSeen: 'everyone' },
          lastSeen: null,
          lastLoginAt: null,
        });
        await deps.audit.record('account.created', { userId: user._id.toHexString(), origin });
        return await deps.signin.signIn(user, origin);
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
        await limits.count('auth.address', origin.ip);
        throw new AppError('TAKEN', { message: 'This username or e-mail address is taken already.' });
      }
    },
  };
}
