import type { CredentialsActions } from '../controllers/credentials.controller.js';
import type { RouteTable } from '../platform/http/http-door.js';

export function credentialsRoutes(credentials: CredentialsActions): RouteTable {
  return [
    { method: 'post', path: '/auth/forgot-password', action: credentials.forgotPassword },
    { method: 'post', path: '/auth/reset-password', action: credentials.resetPassword },
    { method: 'post', path: '/auth/change-password', action: credentials.changePassword },
    { method: 'post', path: '/auth/change-email', action: credentials.changeEmail },
    { method: 'post', path: '/auth/change-email/verify', action: credentials.verifyEmail },
    { method: 'post', path: '/auth/verify', action: credentials.introspect },
  ];
}
