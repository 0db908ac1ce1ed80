import type { AvatarActions } from '../controllers/avatar.controller.js';
import type { RouteTable } from '../platform/http/http-door.js';

export function avatarRoutes(avatars: AvatarActions): RouteTable {
  return [
    { method: 'put', path: '/users/me/avatar', action: avatars.set },
    { method: 'delete', path: '/users/me/avatar', action: avatars.remove },
    // For everybody who has the name, outside the general allowance (app/create-app).
    { method: 'get', path: '/avatars/:name', action: avatars.serve, file: 'image/webp' },
  ];
}
