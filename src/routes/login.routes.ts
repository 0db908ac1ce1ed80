import type { LoginActions } from '../controllers/login.controller.js';
import type { RouteTable } from '../platform/http/http-door.js';

export function loginRoutes(logins: LoginActions): RouteTable {
  return [{ method: 'get', path: '/auth/logins', action: logins.list }];
}
