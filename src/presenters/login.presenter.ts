import type { LoginView } from '../contract/views.js';
import type { LoginDoc } from '../models/login.model.js';
import { presentPlace } from './place.presenter.js';

/** One line of the login history, for the owner of the account. */
export function presentLogin(login: LoginDoc, currentSessionId: string): LoginView {
  return {
    _id: login._id.toHexString(),
    at: login.at.toISOString(),
    outcome: login.outcome,
    device: login.device,
    ip: login.ip,
    place: presentPlace(login.place),
    newDevice: login.newDevice,
    current: login.session === currentSessionId,
  };
}
