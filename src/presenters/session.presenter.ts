import type { SessionView } from '../contract/views.js';
import type { SessionDoc } from '../models/session.model.js';
import { presentPlace } from './place.presenter.js';

/** A session for the person it belongs to; hashes stay behind. */
export function presentSession(session: SessionDoc, currentId: string): SessionView {
  return {
    _id: session._id,
    device: session.device,
    ip: session.ip,
    place: presentPlace(session.place),
    createdAt: session.createdAt.toISOString(),
    lastUsed: session.lastUsedAt.toISOString(),
    current: session._id === currentId,
  };
}
