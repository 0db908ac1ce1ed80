import type { ChangeEmailInput, ChangePasswordInput, ResetPasswordInput } from '../contract/inputs.js';
import { input } from '../platform/validation/input.js';
import { email, shaped } from '../platform/validation/rule.js';
import { mailedCode, newPassword, presentPassword } from './account.rules.js';

export const resetPasswordInput = input<ResetPasswordInput>({
  email: email(),
  otp: mailedCode,
  newPassword,
});

export const changePasswordInput = input<ChangePasswordInput>({
  currentPassword: presentPassword,
  newPassword,
});

export const changeEmailInput = input<ChangeEmailInput>({ newEmail: email(), password: presentPassword });

export const mailedCodeInput = input<{ otp: string }>({ otp: mailedCode });

/** Any text at all may be asked about: what is no token of ours is not active. */
export const anyTokenInput = input<{ token: string }>({
  token: shaped<string>({
    accept: (value) => typeof value === 'string',
    message: 'must be given as text',
    json: { type: 'string' },
    read: (value) => value as string,
  }),
});
