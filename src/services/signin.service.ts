import { randomBytes } from 'node:crypto';
import type { Dialect, Origin } from '../contract/actor.js';
import type { ClientInput } from '../contract/inputs.js';
import type { OwnUser } from '../contract/views.js';
import type { LimitName } from '../config/limit-table.js';
import type { Clock } from '../platform/clock/clock.js';
import { AppError } from '../platform/errors/app-error.js';
import type { Limits } from '../platform/limits/limits.js';
import type { Logger } from '../platform/logging/logger.js';
import { coarsePlace, type Place, type Places } from '../platform/places/places.js';
import { readUserAgent } from '../platform/user-agents/user-agent.js';
import type { UserDoc, UserModel } from '../models/user.model.js';
import { presentPlace } from '../presenters/place.presenter.js';
import { presentOwnUser } from '../presenters/user.presenter.js';
import type { Audit } from './audit.service.js';
import type { KnownDevices } from './known-device.service.js';
import type { LoginService } from './login.service.js';
import type { Mailer } from './mail.service.js';
import { OFFLINE, type PresenceService } from './presence.service.js';
import type { OpenedSession, SessionService } from './session.service.js';

/**
 * The last step of every way in, once it is proved who comes: a session is opened, the sign-in written down, and the
 * owner told when the device is new to the account. Whoever calls it has done the proving.
 *
 * Invariant: no session outlives a change of the password it rests on, nor the turning on of MFA when it rests on the
 * password alone. Whoever changes them writes that before he ends the sessions, and here it is looked at after the session
 * is there: one of the two sees the other.
 */
export type SignInService = {
  /**
   * `user`: as read when the password was proved. `how`: what the client told of itself goes into it as it came.
   * Throws INVALID_CREDENTIALS when the password has been changed since, or MFA has been turned on.
   */
  signIn(user: UserDoc, origin: Origin, how?: { dialect?: Dialect } & ClientInput): Promise<SignedIn>;
  /** The user as he sees himself. */
  ownView(user: UserDoc): Promise<OwnUser>;
};

/**
 * `deviceToken`: for the browser to keep, longer than the session. `trustedDevice`: what it is to show next time in place
 * of the second factor.
 */
export type SignedIn = {
  user: OwnUser;
  session: OpenedSession;
  deviceToken: string;
  trustedDevice?: string;
};

type Deps = {
  users: UserModel;
  sessions: SessionService;
  presence: PresenceService;
  places: Places;
  logins: LoginService;
  knownDevices: KnownDevices;
  mailer: Mailer;
  limits: Limits<LimitName>;
  audit: Audit;
  clock: Clock;
  logger: Logger;
};

/** Of 128 bits, as `signIn` makes them; anything else that a cookie may hold is not ours. */
const DEVICE_TOKEN = /^[\w-]{22}$/;

type Visit = { user: UserDoc; origin: Origin; at: Date; device: string; place: Place | null };

export function createSignInService(deps: Deps): SignInService {
  const { users, sessions, presence, places, logins, knownDevices, audit, clock, logger } = deps;

  async function ownView(user: UserDoc): Promise<OwnUser> {
    const id = user._id.toHexString();
    const state = (await presence.states([id])).get(id) ?? OFFLINE;
    return presentOwnUser(user, { ...state, lastSeen: user.lastSeen?.toISOString() ?? null });
  }

  /** When it can't be found out, it is not new: a mail that is missing hurts less than a sign-in that fails. */
  async function isNew(
    { user, origin, at }: Visit,
    device: { family: string; token: string; deviceId: string | null },
  ): Promise<boolean> {
    return knownDevices.meet(user._id.toHexString(), { origin, ...device }, at).catch((error: unknown) => {
      logger.warn('a device could not be looked up', { error });
      return false;
    });
  }

  /** By audit and by mail, but no more mails a day than a person reads: clients choose what they call themselves. */
  async function tellOfNewDevice({ user, origin, at, device, place }: Visit): Promise<void> {
    const userId = user._id.toHexString();
    await audit.record('login.new-device', { userId, origin, details: { device } });
    try {
      await deps.limits.spend('mail.new-device', userId);
    } catch {
      return;
    }
    await deps.mailer.send({
      ...{ to: user.email, template: 'new-device', language: origin.language },
      vars: {
        name: user.username,
        ...{ at: at.toISOString(), device, ip: origin.ip, place: presentPlace(place) },
      },
    });
  }

  return {
    ownView,
    signIn: async (user, origin, { dialect = 'canonical', location, deviceId = null } = {}) => {
      const at = new Date(clock());
      const { name: device, family } = readUserAgent(origin.userAgent);
      const place = places.of(origin.ip) ?? (location === undefined ? null : coarsePlace(location));
      const shown = origin.deviceToken ?? '';
      const token = DEVICE_TOKEN.test(shown) ? shown : randomBytes(16).toString('base64url');
      const session = await sessions.open(user, { dialect, ip: origin.ip, device, place, deviceId });
      if (!(await users.touchLogin(user, at))) {
        await sessions.end(session.sessionId, session.userId, 'what it rests on was changed meanwhile');
        throw new AppError('INVALID_CREDENTIALS');
      }
      const { userId, sessionId } = session;
      const visit = { user, origin, at, device, place };
      // Nobody needs to be told of the device an account was made with.
      const newDevice = (await isNew(visit, { family, token, deviceId })) && user.lastLoginAt !== null;
      await audit.record('login', { userId, origin });
      await logins.succeeded({ userId, sessionId, origin, device, place, newDevice });
      if (newDevice) await tellOfNewDevice(visit);
      return { user: await ownView({ ...user, lastLoginAt: at }), session, deviceToken: token };
    },
  };
}
