import { openAction, type Action } from '../platform/actions/action.js';
import type { RegistrationService } from '../services/registration.service.js';
import { registerInput } from '../validators/auth.validator.js';
import { signedIn } from './auth.controller.js';

export type RegistrationActions = Record<'register', Action>;

export function createRegistrationActions(registration: RegistrationService): RegistrationActions {
  return {
    register: openAction(registerInput, async ({ input, origin }) => ({
      ...signedIn('Welcome to Parley.', await registration.register(input, origin)),
      status: 201,
    })),
  };
}
