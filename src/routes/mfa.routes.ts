import type { MfaActions } from '../controllers/mfa.controller.js';
import type { RouteTable } from '../platform/http/http-door.js';

export function mfaRoutes(mfa: MfaActions): RouteTable {
  return [
    { method: 'post', path: '/auth/mfa/setup', action: mfa.setup },
    { method: 'post', path: '/auth/mfa/verify', action: mfa.verify },
    { method: 'post', path: '/auth/mfa/login', action: mfa.login },
    { method: 'post', path: '/auth/mfa/disable', action: mfa.disable },
    { method: 'post', path: '/auth/mfa/recovery-codes', action: mfa.recoveryCodes },
  ];
}
