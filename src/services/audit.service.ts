import type { Origin } from '../contract/actor.js';
import type { Logger } from '../platform/logging/logger.js';
import type { LoginService } from './login.service.js';

/** What is written down about accounts and their safety. */
export type AuditEvent =
  | 'account.created'
  | 'account.deleted'
  | 'account.exported'
  | 'login'
  | 'login.failed'
  | 'login.new-device'
  | 'session.ended'
  | 'sessions.ended'
  | 'token.reused'
  | 'password.changed'
  | 'password.reset'
  | 'email.changed'
  | 'username.changed'
  | 'mfa.enabled'
  | 'mfa.disabled'
  | 'mfa.failed'
  | 'mfa.recovery-codes'
  | 'mfa.recovery-used'
  | 'role.changed'
  | 'api-key.created'
  | 'api-key.revoked'
  | 'admin.created';

/** The audit log. `record` never rejects: what it can't keep is in the log file at least. */
export type Audit = {
  record(
    event: AuditEvent,
    about: { userId: string | null; origin: Origin | null; details?: Record<string, string> },
  ): Promise<void>;
};

/** Failures that belong into the login history of the account, wherever they are found out. */
const FAILURES: ReadonlySet<AuditEvent> = new Set(['login.failed', 'mfa.failed']);

export function createAudit({ logins, logger }: { logins: LoginService; logger: Logger }): Audit {
  return {
    record: async (event, { userId, origin, details }) => {
      logger.info(event, { audit: event, userId, ip: origin?.ip, requestId: origin?.requestId, ...details });
      if (FAILURES.has(event) && userId !== null && origin !== null) await logins.failed(userId, origin);
    },
  };
}
