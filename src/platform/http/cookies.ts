import type { CookieOptions, Response } from 'express';
import type { SessionEffect } from '../actions/action.js';

export type CookieSettings = {
  domain: string | null;
  sameSite: 'strict' | 'lax' | 'none';
  secure: boolean;
  accessTtlSeconds: number;
  refreshTtlSeconds: number;
};

export type SessionCookies = {
  readonly accessName: string;
  readonly refreshName: string;
  readonly deviceName: string;
  /** Of a device that stands for a second factor. */
  readonly trustedName: string;
  apply(response: Response, effect: SessionEffect): void;
};

/** Of the cookies that only signing in needs. */
const AUTH_PATH = '/api/auth';
const DEVICE_MAX_AGE_MS = 365 * 86_400_000;

/**
 * The two session cookies, a third by which a browser is known again after it signed out, and a fourth that stands for
 * the second factor. Where they are Secure and bound to no domain, their names say so (`__Host-`, `__Secure-`), and
 * a browser then refuses a cookie of that name that a sibling host or plain HTTP tries to plant.
 */
export function createSessionCookies(settings: CookieSettings): SessionCookies {
  const prefixed = settings.secure && settings.domain === null;
  const accessName = prefixed ? '__Host-accessToken' : 'accessToken';
  const refreshName = prefixed ? '__Secure-refreshToken' : 'refreshToken';
  const deviceName = prefixed ? '__Secure-device' : 'device';
  const trustedName = prefixed ? '__Secure-trustedDevice' : 'trustedDevice';
  const shared: CookieOptions = {
    httpOnly: true,
    secure: settings.secure,
    sameSite: settings.sameSite,
    ...(settings.domain === null ? {} : { domain: settings.domain }),
  };

  return {
    accessName,
    refreshName,
    deviceName,
    trustedName,
    apply: (response, effect) => {
      if (effect.kind === 'closed') {
        response.clearCookie(accessName, { ...shared, path: '/' });
        response.clearCookie(refreshName, { ...shared, path: AUTH_PATH });
        return;
      }
      response.cookie(accessName, effect.accessToken, {
        ...shared,
        path: '/',
        maxAge: settings.accessTtlSeconds * 1_000,
      });
      response.cookie(refreshName, effect.refreshToken, {
        ...shared,
        path: AUTH_PATH,
        maxAge: settings.refreshTtlSeconds * 1_000,
      });
      if (effect.deviceToken !== undefined) {
        response.cookie(deviceName, effect.deviceToken, {
          ...shared,
          path: AUTH_PATH,
          maxAge: DEVICE_MAX_AGE_MS,
        });
      }
      if (effect.trustedDevice !== undefined) {
        response.cookie(trustedName, effect.trustedDevice.token, {
          ...shared,
          path: AUTH_PATH,
          maxAge: effect.trustedDevice.ttlSeconds * 1_000,
        });
      }
    },
  };
}

/** One cookie of a Cookie header; null when it isn't there. Cheaper than parsing them all for each request. */
export function readCookie(header: string | undefined, name: string): string | null {
  if (header === undefined) return null;
  for (const part of header.split(';')) {
    const at = part.indexOf('=');
    if (at !== -1 && part.slice(0, at).trim() === name)
      return decodeURIComponentSafely(part.slice(at + 1).trim());
  }
  return null;
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
