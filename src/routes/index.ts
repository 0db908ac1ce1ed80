import type { AuthActions } from '../controllers/auth.controller.js';
import type { ChatActions } from '../controllers/chat.controller.js';
import type { MessageActions } from '../controllers/message.controller.js';
import type { UserActions } from '../controllers/user.controller.js';
import type { RouteTable } from '../platform/http/http-door.js';
import { authRoutes } from './auth.routes.js';
import { chatRoutes } from './chat.routes.js';
import { messageRoutes } from './message.routes.js';
import { userRoutes } from './user.routes.js';

export type Actions = { auth: AuthActions; users: UserActions; chats: ChatActions; messages: MessageActions };

/** Everything under /api, table by table; within one path the first row that fits wins. */
export function apiRoutes(actions: Actions): RouteTable[] {
  return [
    authRoutes(actions.auth),
    userRoutes(actions.users),
    chatRoutes(actions.chats),
    messageRoutes(actions.messages),
  ];
}
