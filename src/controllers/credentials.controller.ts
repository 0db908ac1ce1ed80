import { action, openAction, type Action } from '../platform/actions/action.js';
import type { CredentialsService } from '../services/credentials.service.js';
import type { IntrospectionService } from '../services/introspection.service.js';
import type { PasswordResetService } from '../services/password-reset.service.js';
import {
  anyTokenInput,
  changeEmailInput,
  changePasswordInput,
  mailedCodeInput,
  resetPasswordInput,
} from '../validators/credentials.validator.js';
import { emailInput } from '../validators/registration.validator.js';

export type CredentialsActions = Record<
  'forgotPassword' | 'resetPassword' | 'changePassword' | 'changeEmail' | 'verifyEmail' | 'introspect',
  Action
>;

type Deps = {
  credentials: CredentialsService;
  passwordReset: PasswordResetService;
  introspection: IntrospectionService;
};

export function createCredentialsActions(deps: Deps): CredentialsActions {
  const { credentials, passwordReset, introspection } = deps;
  return {
    forgotPassword: openAction(emailInput, async ({ input, origin }) => ({
      message: 'If there is an account with this address, we have sent a code to it.',
      data: await passwordReset.forgot(input.email, origin),
    })),
    resetPassword: openAction(resetPasswordInput, async ({ input, origin }) => {
      await passwordReset.reset(input, origin);
      return { message: 'Password changed. Please sign in.', data: {} };
    }),
    changePassword: action(changePasswordInput, async ({ actor, input, origin }) => {
      await credentials.changePassword(actor, input, origin);
      return { message: 'Password changed. All other sessions have ended.', data: {} };
    }),
    changeEmail: action(changeEmailInput, async ({ actor, input, origin }) => ({
      message: 'We have sent a code to the new address. Please enter it to finish.',
      data: await credentials.changeEmail(actor, input, origin),
    })),
    verifyEmail: action(mailedCodeInput, async ({ actor, input, origin }) => ({
      message: 'Address changed.',
      data: { user: await credentials.verifyEmail(actor, input.otp, origin) },
    })),
    introspect: openAction(anyTokenInput, async ({ input }) => ({
      message: 'Token.',
      data: await introspection.introspect(input.token),
    })),
  };
}
