import type { Origin } from '../contract/actor.js';
import type { ClientInput, LoginInput, MfaLoginInput } from '../contract/inputs.js';
import type { LimitName } from '../config/limit-table.js';
import { AppError } from '../platform/errors/app-error.js';
import type { Limits } from '../platform/limits/limits.js';
import type { MfaModel } from '../models/mfa.model.js';
import type { UserDoc, UserModel } from '../models/user.model.js';
import type { MfaTickets } from './mfa-tickets.js';
import { givenOf, standingOf, type SecondFactor } from './second-factor.js';
import type { SignedIn, SignInService } from './signin.service.js';
import type { TrustedDevices } from './trusted-device.service.js';

/**
 * Signing in with two factors: in one step, in two with a ticket between, or with a trusted device in place of the second.
 *
 * Invariants: no session begins on the password alone while MFA is on. A ticket is worth one session, and none after the
 * password or the secret has changed.
 */
export type MfaLogin = {
  /** After the password of `user` was right: what of the second factor came with it. Throws LIMITED. */
  second(user: UserDoc, input: SecondInput, origin: Origin): Promise<SecondStep>;
  /** Opens the session that `step` allows. */
  enter(user: UserDoc, step: Passed, from: From): Promise<SignedIn>;
  /** Throws INVALID_CREDENTIALS for a wrong code, TOKEN_EXPIRED for a ticket that is worth nothing, LIMITED. */
  withTicket(input: MfaLoginInput, origin: Origin): Promise<SignedIn>;
};

type SecondInput = Pick<LoginInput, 'mfaCode' | 'recoveryCode' | 'trustDevice'>;

/** `off`: nothing is asked for. `proved`: `device` says what that means for the browser. */
export type Passed =
  | { kind: 'off' }
  | { kind: 'proved'; standing: string; device: { is: 'trusted'; shown: string } | { is: 'new' } | null };
export type SecondStep = Passed | { kind: 'wrong' } | { kind: 'required'; mfaTicket: string };

/** `client`: what it told of itself. */
type From = { origin: Origin; client: ClientInput };

type Deps = {
  users: UserModel;
  mfa: MfaModel;
  factor: SecondFactor;
  tickets: MfaTickets;
  devices: TrustedDevices;
  signin: SignInService;
  limits: Limits<LimitName>;
};

export function createMfaLogin(deps: Deps): MfaLogin {
  const { users, mfa, factor, tickets, devices, signin, limits } = deps;

  async function enter(user: UserDoc, step: Passed, { origin, client }: From): Promise<SignedIn> {
    const { location, deviceId } = client;
    const signedIn = await signin.signIn(user, origin, { location, deviceId });
    if (step.kind === 'off' || step.device === null) return signedIn;
    const { userId, sessionId: session } = signedIn.session;
    if (step.device.is === 'trusted') {
      await devices.used(step.device.shown, { userId, session });
      return signedIn;
    }
    const { standing } = step;
    return { ...signedIn, trustedDevice: await devices.trust({ userId, standing, session }, origin) };
  }

  /** Without a code: a trusted device, or a ticket for the next step. */
  async function withoutCode(user: UserDoc, { trustedDevice }: Origin): Promise<SecondStep> {
    const userId = user._id.toHexString();
    const stored = await mfa.find(userId);
    // Turned off a moment ago: what was read of the user is out of date, so he had better begin anew.
    if (stored === null) return { kind: 'wrong' };
    const standing = standingOf(user, stored);
    if (trustedDevice !== null && (await devices.isTrusted(trustedDevice, { userId, standing }))) {
      return { kind: 'proved', standing, device: { is: 'trusted', shown: trustedDevice } };
    }
    return { kind: 'required', mfaTicket: await tickets.issue({ userId, standing }) };
  }

  /** Whose ticket it is, if it is still worth something. */
  async function holderOf(text: string): Promise<UserDoc | null> {
    const ticket = await tickets.find(text);
    const user = ticket === null ? null : await users.findById(ticket.userId);
    const stored = ticket === null ? null : await mfa.find(ticket.userId);
    if (ticket === null || user === null || stored === null) return null;
    return standingOf(user, stored) === ticket.standing ? user : null;
  }

  return {
    enter,

    second: async (user, { mfaCode, recoveryCode, trustDevice }, origin) => {
      if (!user.mfaEnabled) return { kind: 'off' };
      const given = givenOf(mfaCode, recoveryCode);
      if (given === null) return withoutCode(user, origin);
      const userId = user._id.toHexString();
      const proved = await factor.prove({ userId, given, origin, sessionId: null });
      if (proved === null) return { kind: 'wrong' };
      const device = trustDevice === true ? ({ is: 'new' } as const) : null;
      return { kind: 'proved', standing: standingOf(user, proved), device };
    },

    withTicket: async (input, origin) => {
      const { mfaTicket, code, recoveryCode, trustDevice } = input;
      const user = await holderOf(mfaTicket);
      const given = givenOf(code, recoveryCode);
      if (user === null || given === null) {
        await limits.spend('auth.address', origin.ip);
        throw worthless();
      }
      const proved = await factor.prove({
        ...{ userId: user._id.toHexString(), given, origin, sessionId: null },
        beforeUse: async () => {
          if (!(await tickets.take(mfaTicket))) throw worthless();
        },
      });
      if (proved === null) {
        throw new AppError('INVALID_CREDENTIALS', { message: 'This code is wrong or was used before.' });
      }
      const device = trustDevice === true ? ({ is: 'new' } as const) : null;
      const step: Passed = { kind: 'proved', standing: standingOf(user, proved), device };
      return enter(user, step, { origin, client: input });
    },
  };
}

function worthless(): AppError {
  return new AppError('TOKEN_EXPIRED', { message: 'This sign-in has expired. Please begin anew.' });
}
