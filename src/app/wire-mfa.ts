import type { LimitName } from '../config/limit-table.js';
import type { Secrets } from '../config/secrets.js';
import type { Models } from '../models/index.js';
import type { Clock } from '../platform/clock/clock.js';
import { createSealedBox } from '../platform/crypto/sealed-box.js';
import type { KeyStore } from '../platform/keystore/key-store.js';
import type { Limits } from '../platform/limits/limits.js';
import type { Logger } from '../platform/logging/logger.js';
import type { Audit } from '../services/audit.service.js';
import type { Mailer } from '../services/mail.service.js';
import { createMfaLogin } from '../services/mfa-login.service.js';
import { resealSecrets } from '../services/mfa-reseal.js';
import { createMfaService } from '../services/mfa.service.js';
import { createMfaTickets } from '../services/mfa-tickets.js';
import { createMfaTries } from '../services/mfa-tries.js';
import type { Passwords } from '../services/password.js';
import type { ProofService } from '../services/proof.service.js';
import { createSecondFactor } from '../services/second-factor.js';
import type { SessionService } from '../services/session.service.js';
import type { SignInService } from '../services/signin.service.js';
import { createTotp } from '../services/totp.js';
import { createTrustedDevices } from '../services/trusted-device.service.js';

type Deps = {
  secrets: Secrets;
  models: Models;
  keyStore: KeyStore;
  sessions: SessionService;
  signin: SignInService;
  passwords: Passwords;
  proof: ProofService;
  limits: Limits<LimitName>;
  mailer: Mailer;
  audit: Audit;
  clock: Clock;
  logger: Logger;
};

/** Two-step sign-in, and the devices that are trusted to skip the second step. */
export function wireMfa(deps: Deps) {
  const { models, logger } = deps;
  const { users, mfa } = models;
  const box = createSealedBox(deps.secrets.dataEncryption);
  const totp = createTotp(deps);
  const tries = createMfaTries(deps);
  const devices = createTrustedDevices({ devices: models.trustedDevices, clock: deps.clock });
  const factor = createSecondFactor({ ...deps, mfa, tries, totp, box });
  const tickets = createMfaTickets(deps);
  return {
    devices,
    mfaLogin: createMfaLogin({ ...deps, users, mfa, factor, tickets, devices }),
    mfa: createMfaService({ ...deps, users, mfa, factor, tries, totp, box, devices }),
    reseal: () => resealSecrets({ mfa, box, logger }),
  };
}
