import type { UserActions } from '../controllers/user.controller.js';
import type { RouteTable } from '../platform/http/http-door.js';

export function userRoutes(users: UserActions): RouteTable {
  return [
    { method: 'get', path: '/users', action: users.search },
    { method: 'patch', path: '/users/me', action: users.updateProfile },
    { method: 'put', path: '/users/me/status', action: users.setStatus },
    { method: 'get', path: '/users/:id', action: users.get },
  ];
}
