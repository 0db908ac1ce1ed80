import type { AuthActions } from '../controllers/auth.controller.js';
import type { RouteTable } from '../platform/http/http-door.js';

export function authRoutes(auth: AuthActions): RouteTable {
  return [
    { method: 'post', path: '/auth/login', action: auth.login },
    { method: 'post', path: '/auth/refresh', action: auth.refresh },
    { method: 'post', path: '/auth/logout', action: auth.logout },
    { method: 'get', path: '/auth/logout', action: auth.logout },
    { method: 'post', path: '/auth/logout-all', action: auth.logoutAll },
    { method: 'get', path: '/auth/me', action: auth.me },
    { method: 'get', path: '/auth/sessions', action: auth.sessions },
    { method: 'delete', path: '/auth/sessions/:id', action: auth.endSession },
  ];
}
