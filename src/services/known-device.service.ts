import { createHash } from 'node:crypto';
import type { Origin } from '../contract/actor.js';
import { networkOf } from '../platform/addresses/network.js';
import type { KnownDeviceModel } from '../models/known-device.model.js';

/**
 * Which devices an account knows: by the browser's cookie, by the client's own name for the device, or else by the kind
 * of client and the network it comes from. One mark that fits is enough.
 *
 * Invariant: of several sign-ins at one moment from a device that is new, one is told so.
 */
export type KnownDevices = {
  /** True when the account has not met this device before; it knows it from now on. */
  meet(userId: string, device: Device, at: Date): Promise<boolean>;
  /** The device with this name is new again; its cookie and its network may still be known. */
  forget(userId: string, deviceId: string): Promise<void>;
};

export type Device = {
  origin: Origin;
  /** What of the User-Agent does not change with each version. */
  family: string;
  /** What the browser shows from now on, which it may have shown already. */
  token: string;
  deviceId: string | null;
};

export function createKnownDevices({ model }: { model: KnownDeviceModel }): KnownDevices {
  return {
    meet: async (userId, device, at) => {
      const { origin, deviceId } = device;
      // First what every sign-in from here has in common: on that mark, those of one moment meet.
      const contested = markOf('network', `${device.family} ${networkOf(origin.ip)}`);
      const others = [
        markOf('cookie', device.token),
        ...(deviceId === null ? [] : [markOf('name', deviceId)]),
      ];
      const known = await model.knowsAny(userId, [contested, ...others]);
      const wasThere = await model.see(userId, contested, at);
      await Promise.all([...others.map((mark) => model.see(userId, mark, at)), model.trim(userId, at)]);
      return !known && !wasThere;
    },
    forget: (userId, deviceId) => model.forget(userId, markOf('name', deviceId)),
  };
}

function markOf(kind: string, value: string): string {
  return createHash('sha256').update(`${kind}:${value}`).digest('base64url');
}
