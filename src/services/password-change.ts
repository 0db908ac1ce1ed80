import type { Origin } from '../contract/actor.js';
import type { Clock } from '../platform/clock/clock.js';
import { AppError } from '../platform/errors/app-error.js';
import { readUserAgent } from '../platform/user-agents/user-agent.js';
import type { UserDoc, UserModel } from '../models/user.model.js';
import type { Audit } from './audit.service.js';
import type { Mailer } from './mail.service.js';
import type { Passwords } from './password.js';
import type { SessionService } from './session.service.js';
import type { TrustedDevices } from './trusted-device.service.js';

/**
 * The last step of every way to a new password, once it is proved whose it is.
 *
 * Invariants: the sessions end after the password is written (signin.service relies on it), and so does whatever waits
 * for a code that could undo the change.
 */
export type PasswordChanges = {
  /**
   * Ends every session but `spare.sessionId`, tells the owner, writes it down. With `spare` the change rests on the
   * password of `user`: throws INVALID_CREDENTIALS when it is another by now.
   */
  change(
    user: UserDoc,
    newPassword: string,
    how: { event: 'password.changed' | 'password.reset'; origin: Origin; spare?: { sessionId: string } },
  ): Promise<void>;
};

type Deps = {
  users: UserModel;
  sessions: SessionService;
  passwords: Passwords;
  /** Codes that wait for an account's proof of something: `revoke` ends them. */
  pending: { revoke(user: { userId: string; email: string }): Promise<void> };
  devices: TrustedDevices;
  mailer: Mailer;
  audit: Audit;
  clock: Clock;
};

export function createPasswordChanges(deps: Deps): PasswordChanges {
  return {
    change: async (user, newPassword, { event, origin, spare }) => {
      const userId = user._id.toHexString();
      const changed = await deps.users.changePassword({
        _id: user._id,
        to: await deps.passwords.hash(newPassword),
        ...(spare === undefined ? {} : { from: user.passwordHash }),
      });
      if (!changed) throw new AppError('INVALID_CREDENTIALS', { message: 'The password is wrong.' });
      await deps.sessions.endAll(
        userId,
        event === 'password.reset' ? 'password reset' : 'password changed',
        spare === undefined ? {} : { except: spare.sessionId },
      );
      await deps.pending.revoke({ userId, email: user.email });
      await deps.devices.forgetTrusted(userId);
      await deps.audit.record(event, { userId, origin });
      await deps.mailer.send({
        to: user.email,
        template: 'password-changed',
        vars: {
          name: user.username,
          at: new Date(deps.clock()).toISOString(),
          device: readUserAgent(origin.userAgent).name,
        },
        language: origin.language,
      });
    },
  };
}
