import type { SessionView } from '../contract/views.js';
import type { SessionDoc } from '../models/session.model.js';

/** A session for the person it belongs to; hashes stay behind. */
export function presentSession(session: SessionDoc, currentId: string): SessionView {
  return {
    _id: session._id,
    device: deviceOf(session.userAgent),
    ip: session.ip,
    place: null,
    createdAt: session.createdAt.toISOString(),
    lastUsed: session.lastUsedAt.toISOString(),
    current: session._id === currentId,
  };
}

const BROWSERS = [
  ['Edg/', 'Edge'],
  ['OPR/', 'Opera'],
  ['Firefox/', 'Firefox'],
  ['Chrome/', 'Chrome'],
  ['Safari/', 'Safari'],
  ['curl/', 'curl'],
] as const;
const SYSTEMS = [
  ['Android', 'Android'],
  ['iPhone', 'iPhone'],
  ['iPad', 'iPad'],
  ['Windows', 'Windows'],
  ['Mac OS X', 'macOS'],
  ['Linux', 'Linux'],
] as const;

/** "Firefox on Linux", as far as the user agent tells; never the whole text. */
export function deviceOf(userAgent: string): string {
  const browser = BROWSERS.find(([mark]) => userAgent.includes(mark))?.[1] ?? 'Unknown client';
  const system = SYSTEMS.find(([mark]) => userAgent.includes(mark))?.[1];
  return system === undefined ? browser : `${browser} on ${system}`;
}
