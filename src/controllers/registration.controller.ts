import { openAction, type Action } from '../platform/actions/action.js';
import type { RegistrationService } from '../services/registration.service.js';
import { emailInput, registerInput, verifyEmailInput } from '../validators/registration.validator.js';
import { signedIn } from './auth.controller.js';

export type RegistrationActions = Record<'register' | 'verify' | 'resend', Action>;

const CODE_SENT = 'We have sent a code to this address. Please enter it to finish.';

export function createRegistrationActions(registration: RegistrationService): RegistrationActions {
  return {
    register: openAction(registerInput, async ({ input, origin }) => {
      const registered = await registration.register(input, origin);
      return registered.kind === 'signed in'
        ? signedIn('Welcome to Parley.', registered.signedIn)
        : { message: CODE_SENT, data: registered.sent, status: 200 };
    }),
    verify: openAction(verifyEmailInput, async ({ input, origin }) =>
      signedIn('Welcome to Parley.', await registration.verify(input, origin)),
    ),
    resend: openAction(emailInput, async ({ input, origin }) => ({
      message: 'If a registration with this address waits for its code, we have sent another.',
      data: await registration.resend(input.email, origin),
    })),
  };
}
