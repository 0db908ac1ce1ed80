import type { Actions } from '../controllers/index.js';
import type { RouteTable } from '../platform/http/http-door.js';
import { authRoutes } from './auth.routes.js';
import { avatarRoutes } from './avatar.routes.js';
import { chatRoutes } from './chat.routes.js';
import { contactRoutes } from './contact.routes.js';
import { credentialsRoutes } from './credentials.routes.js';
import { loginRoutes } from './login.routes.js';
import { messageRoutes } from './message.routes.js';
import { mfaRoutes } from './mfa.routes.js';
import { registrationRoutes } from './registration.routes.js';
import { userRoutes } from './user.routes.js';

/** Everything under /api, table by table; within one path the first row that fits wins. */
export function apiRoutes(actions: Actions): RouteTable[] {
  return [
    authRoutes(actions.auth),
    loginRoutes(actions.logins),
    registrationRoutes(actions.registration),
    credentialsRoutes(actions.credentials),
    avatarRoutes(actions.avatars),
    mfaRoutes(actions.mfa),
    contactRoutes(actions.contacts),
    userRoutes(actions.users),
    chatRoutes(actions.chats),
    messageRoutes(actions.messages),
  ];
}
