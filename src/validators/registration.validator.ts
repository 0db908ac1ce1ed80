import type { EmailInput, RegisterInput, VerifyEmailInput } from '../contract/inputs.js';
import { input } from '../platform/validation/input.js';
import { email } from '../platform/validation/rule.js';
import { clientFields } from './client.validator.js';
import { displayName, mailedCode, newPassword, username } from './account.rules.js';

export const registerInput = input<RegisterInput>({
  username,
  email: email(),
  password: newPassword,
  firstName: displayName,
  lastName: displayName,
  ...clientFields,
});

export const verifyEmailInput = input<VerifyEmailInput>({ email: email(), otp: mailedCode, ...clientFields });

export const emailInput = input<EmailInput>({ email: email() });
