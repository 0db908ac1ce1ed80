import type { Config } from '../config/config.js';
import type { LimitName } from '../config/limit-table.js';
import type { Secrets } from '../config/secrets.js';
import type { Models } from '../models/index.js';
import type { Afterwards } from '../platform/background/afterwards.js';
import type { Clock } from '../platform/clock/clock.js';
import { createKeyedHash } from '../platform/crypto/keyed-hash.js';
import { key } from '../platform/keys/keys.js';
import type { KeyStore } from '../platform/keystore/key-store.js';
import type { Limits } from '../platform/limits/limits.js';
import type { Audit } from '../services/audit.service.js';
import { createCodePauses, type CodePauses } from '../services/code-pause.js';
import {
  CHANGE_EMAIL_CODE_SECONDS,
  createCredentialsService,
  type PendingEmail,
} from '../services/credentials.service.js';
import type { Mailer } from '../services/mail.service.js';
import { createOneTimeCodes, type OneTimeCodes } from '../services/one-time-code.js';
import { createPasswordChanges } from '../services/password-change.js';
import {
  createPasswordResetService,
  RESET_CODE_SECONDS,
  type PendingReset,
} from '../services/password-reset.service.js';
import type { Passwords } from '../services/password.js';
import type { ProofService } from '../services/proof.service.js';
import {
  createRegistrationService,
  REGISTER_CODE_SECONDS,
  type PendingRegistration,
} from '../services/registration.service.js';
import type { SessionService } from '../services/session.service.js';
import type { SignInService } from '../services/signin.service.js';
import type { TrustedDevices } from '../services/trusted-device.service.js';

type Deps = {
  config: Config;
  secrets: Secrets;
  models: Models;
  keyStore: KeyStore;
  sessions: SessionService;
  signin: SignInService;
  passwords: Passwords;
  proof: ProofService;
  limits: Limits<LimitName>;
  devices: TrustedDevices;
  mailer: Mailer;
  afterwards: Afterwards;
  audit: Audit;
  clock: Clock;
};

/** Everything that goes by a mailed code: registration, forgotten passwords, new addresses; and new passwords. */
export function wireFlows(deps: Deps) {
  const { config, secrets, keyStore, limits, clock } = deps;
  const { users } = deps.models;
  const hash = createKeyedHash(secrets.dataEncryption, 'one-time codes');

  function codesFor<Payload>(
    purpose: string,
    keyOf: (subject: string) => string,
    ttlSeconds: number,
  ): OneTimeCodes<Payload> {
    return createOneTimeCodes<Payload>({ keyStore, hash, clock, purpose, keyOf, ttlSeconds });
  }
  const pausesOf = (keyOf: (subject: string) => string): CodePauses =>
    createCodePauses({ keyStore, limits, keyOf });

  const resetCodes = codesFor<PendingReset>('reset', key.reset, RESET_CODE_SECONDS);
  const emailCodes = codesFor<PendingEmail>('change-email', key.changeEmail, CHANGE_EMAIL_CODE_SECONDS);
  const changes = createPasswordChanges({
    ...deps,
    users,
    pending: {
      revoke: async ({ userId, email }) => {
        await Promise.all([resetCodes.revoke(email), emailCodes.revoke(userId)]);
      },
    },
  });

  return {
    registration: createRegistrationService({
      ...deps,
      users,
      codes: codesFor<PendingRegistration>('register', key.register, REGISTER_CODE_SECONDS),
      pauses: pausesOf(key.registerLimit),
      emailVerification: config.accounts.emailVerification,
      disclosure: config.auth.registerDisclosure,
    }),
    passwordReset: createPasswordResetService({
      ...deps,
      ...{ users, changes, codes: resetCodes },
      pauses: pausesOf((subject) => key.codePause('reset', subject)),
    }),
    credentials: createCredentialsService({
      ...deps,
      ...{ users, changes, codes: emailCodes },
      pauses: pausesOf((subject) => key.codePause('change-email', subject)),
    }),
  };
}
