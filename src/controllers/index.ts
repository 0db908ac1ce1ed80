import type { AuthActions } from './auth.controller.js';
import type { AvatarActions } from './avatar.controller.js';
import type { ChatActions } from './chat.controller.js';
import type { ContactActions } from './contact.controller.js';
import type { CredentialsActions } from './credentials.controller.js';
import type { LoginActions } from './login.controller.js';
import type { MessageActions } from './message.controller.js';
import type { MfaActions } from './mfa.controller.js';
import type { RegistrationActions } from './registration.controller.js';
import type { UserActions } from './user.controller.js';

/** Every action, by capability: what both doors offer. */
export type Actions = {
  auth: AuthActions;
  logins: LoginActions;
  registration: RegistrationActions;
  credentials: CredentialsActions;
  mfa: MfaActions;
  users: UserActions;
  contacts: ContactActions;
  avatars: AvatarActions;
  chats: ChatActions;
  messages: MessageActions;
};
