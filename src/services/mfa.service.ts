import { randomBytes } from 'node:crypto';
import type { Actor, Origin } from '../contract/actor.js';
import type { MfaProofInput } from '../contract/inputs.js';
import type { MfaSetup, OwnUser } from '../contract/views.js';
import type { Clock } from '../platform/clock/clock.js';
import type { SealedBox } from '../platform/crypto/sealed-box.js';
import { AppError } from '../platform/errors/app-error.js';
import { key } from '../platform/keys/keys.js';
import type { KeyStore } from '../platform/keystore/key-store.js';
import type { MfaModel } from '../models/mfa.model.js';
import type { MfaDoc } from '../models/mfa.schema.js';
import type { UserDoc, UserModel } from '../models/user.model.js';
import type { Audit } from './audit.service.js';
import type { Mailer } from './mail.service.js';
import type { MfaTries } from './mfa-tries.js';
import type { Passwords } from './password.js';
import type { ProofService } from './proof.service.js';
import { drawRecoveryCodes, hashRecoveryCode } from './recovery-codes.js';
import { givenOf, mfaContext, type SecondFactor } from './second-factor.js';
import type { SessionService } from './session.service.js';
import type { SignInService } from './signin.service.js';
import type { Totp } from './totp.js';
import type { TrustedDevices } from './trusted-device.service.js';

/**
 * Two-step sign-in, as its owner turns it on and off. The subject is always the session's user.
 *
 * Invariants: a setup waits in the key store, sealed, and is nothing until a code of it was right; with that one write it
 * is on. Then every session but the one it was turned on in ends, because they began on the password alone: with MFA on
 * whoever is in has shown both factors. Neither a stolen session nor a known password turns it off or draws new recovery
 * codes: both factors do, and no answer tells which of them was wrong.
 */
export type MfaService = {
  /** Enables nothing yet; what waited from before waits no more. Throws INVALID_CREDENTIALS, LIMITED, CONFLICT. */
  setup(actor: Actor, password: string, origin: Origin): Promise<MfaSetup>;
  /** Throws INVALID_CREDENTIALS, LIMITED, CONFLICT when it is on, EXPIRED when no setup waits (any more). */
  verify(actor: Actor, token: string, origin: Origin): Promise<OwnUser>;
  /** Throws INVALID_CREDENTIALS, LIMITED, CONFLICT when it is off. */
  disable(actor: Actor, input: MfaProofInput, origin: Origin): Promise<OwnUser>;
  /** Ten new ones; those before are worth nothing. Throws as `disable`. */
  newRecoveryCodes(actor: Actor, input: MfaProofInput, origin: Origin): Promise<string[]>;
};

type Deps = {
  users: UserModel;
  mfa: MfaModel;
  factor: SecondFactor;
  tries: MfaTries;
  totp: Totp;
  box: SealedBox;
  devices: TrustedDevices;
  sessions: SessionService;
  signin: SignInService;
  proof: ProofService;
  passwords: Passwords;
  keyStore: KeyStore;
  mailer: Mailer;
  audit: Audit;
  clock: Clock;
};

/** A setup as it waits. `secret`: sealed. `recovery`: hashes. */
type Waiting = { setupId: string; secret: string; recovery: string[]; endsAt: number };

const SETUP_TTL_MS = 15 * 60_000;

export function createMfaService(deps: Deps): MfaService {
  const { users, mfa, factor, totp, box, keyStore, audit, clock } = deps;

  async function account({ userId }: Actor): Promise<UserDoc> {
    const user = await users.findById(userId);
    if (user === null) throw new AppError('SESSION_REVOKED');
    return user;
  }

  /** Null when none waits; nor does one whose key is gone. `raw`: as it is kept. `secret`: in clear. */
  async function findWaiting(
    userId: string,
  ): Promise<{ raw: string; setup: Waiting; secret: string } | null> {
    const raw = await keyStore.get(key.mfaSetup(userId));
    if (raw === null) return null;
    const setup = JSON.parse(raw) as Waiting;
    if (setup.endsAt <= clock()) return null;
    try {
      return { raw, setup, secret: box.open(setup.secret, mfaContext(userId)) };
    } catch {
      return null;
    }
  }

  /** Judges a code of the setup that waits: answers what will be stored once it is on. */
  async function takeSetupCode(
    { userId, sessionId }: Actor,
    { setup, secret, token }: { setup: Waiting; secret: string; token: string },
    origin: Origin,
  ): Promise<MfaDoc> {
    const giveBack = await deps.tries.take({ kind: 'code', userId, origin, sessionId });
    const step = totp.stepOf(secret, token);
    if (step === null) {
      await audit.record('mfa.failed', { userId, origin });
      throw new AppError('INVALID_CREDENTIALS', { message: 'This code is wrong.' });
    }
    await giveBack();
    const { setupId, secret: sealed, recovery } = setup;
    return { setupId, secret: sealed, recovery, lastStep: step, enabledAt: new Date(clock()) };
  }

  /** Both factors of somebody who is signed in; one answer for whatever is wrong. */
  async function proveBoth(actor: Actor, input: MfaProofInput, origin: Origin) {
    const { userId, sessionId } = actor;
    const user = await account(actor);
    if (!user.mfaEnabled) throw new AppError('CONFLICT', { message: 'Two-step sign-in is not on.' });
    const given = givenOf(input.token, input.recoveryCode);
    const giveBack = await deps.proof.takeOwnTry(actor);
    const right = await deps.passwords.matches(input.password, user.passwordHash);
    if (!right) await audit.record('login.failed', { userId, origin });
    const proved =
      right && given !== null
        ? await factor.prove({ userId, given, origin, sessionId }).catch(async (error: unknown) => {
            await giveBack();
            throw error;
          })
        : null;
    if (proved === null) {
      throw new AppError('INVALID_CREDENTIALS', { message: 'The password or the code is wrong.' });
    }
    await giveBack();
    return { user, of: { userId, setupId: proved.setupId } };
  }

  async function tell(user: UserDoc, enabled: boolean, origin: Origin): Promise<void> {
    const userId = user._id.toHexString();
    await audit.record(enabled ? 'mfa.enabled' : 'mfa.disabled', { userId, origin });
    await deps.mailer.send({
      to: user.email,
      template: 'mfa-changed',
      vars: { name: user.username, at: new Date(clock()).toISOString(), enabled },
      language: origin.language,
    });
  }

  return {
    setup: async (actor, password, origin) => {
      const user = await deps.proof.confirmPassword(actor, password, origin);
      if (user.mfaEnabled) throw alreadyOn();
      const { userId } = actor;
      const secret = totp.newSecret();
      const recoveryCodes = drawRecoveryCodes();
      const setup: Waiting = {
        setupId: randomBytes(12).toString('base64url'),
        secret: box.seal(secret, mfaContext(userId)),
        recovery: recoveryCodes.map((code) => hashRecoveryCode(userId, code)),
        endsAt: clock() + SETUP_TTL_MS,
      };
      await keyStore.set(key.mfaSetup(userId), JSON.stringify(setup), { ttlMs: SETUP_TTL_MS });
      return { ...(await totp.enrolment(secret, user.username)), secret, recoveryCodes };
    },

    verify: async (actor, token, origin) => {
      const { userId, sessionId } = actor;
      const user = await account(actor);
      if (user.mfaEnabled) throw alreadyOn();
      const found = await findWaiting(userId);
      if (found === null) {
        throw new AppError('EXPIRED', { message: 'No setup is waiting for a code. Please begin anew.' });
      }
      const proved = await takeSetupCode(actor, { ...found, token }, origin);
      if (!(await mfa.enable(userId, proved))) throw alreadyOn();
      await deps.sessions.endAll(userId, 'two-step sign-in was turned on', { except: sessionId });
      // It would end by itself; a newer one is not ours to end.
      await keyStore
        .compareAndSet(key.mfaSetup(userId), { expected: found.raw, next: null })
        .catch(() => false);
      await tell(user, true, origin);
      return deps.signin.ownView({ ...user, mfaEnabled: true });
    },

    disable: async (actor, input, origin) => {
      const { user, of } = await proveBoth(actor, input, origin);
      if (!(await mfa.disable(of))) throw changedMeanwhile();
      await deps.devices.forgetTrusted(of.userId);
      await tell(user, false, origin);
      return deps.signin.ownView({ ...user, mfaEnabled: false });
    },

    newRecoveryCodes: async (actor, input, origin) => {
      const { of } = await proveBoth(actor, input, origin);
      const codes = drawRecoveryCodes();
      const hashes = codes.map((code) => hashRecoveryCode(of.userId, code));
      if (!(await mfa.replaceRecoveryCodes(of, hashes))) throw changedMeanwhile();
      await audit.record('mfa.recovery-codes', { userId: of.userId, origin });
      return codes;
    },
  };
}

function alreadyOn(): AppError {
  return new AppError('CONFLICT', { message: 'Two-step sign-in is on already.' });
}

function changedMeanwhile(): AppError {
  return new AppError('CONFLICT', { message: 'Two-step sign-in was changed meanwhile.' });
}
