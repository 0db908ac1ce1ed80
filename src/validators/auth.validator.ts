import type { Empty, LoginInput } from '../contract/inputs.js';
import { input } from '../platform/validation/input.js';
import { boolean, email, optional, pattern, text } from '../platform/validation/rule.js';
import { authenticatorCode, presentPassword, recoveryCode } from './account.rules.js';
import { clientFields } from './client.validator.js';

export const nothing = input<Empty>({});

export const loginInput = input<LoginInput>(
  {
    email: optional(email()),
    username: optional(pattern(/^.{1,254}$/u, 'must be a username')),
    password: presentPassword,
    ...clientFields,
    mfaCode: optional(authenticatorCode),
    recoveryCode: optional(recoveryCode),
    trustDevice: optional(boolean()),
  },
  (login) => {
    if (login.email === undefined && login.username === undefined)
      return { field: 'email', message: 'or username must be given' };
    return login.mfaCode !== undefined && login.recoveryCode !== undefined
      ? { field: 'recoveryCode', message: 'or mfaCode, not both' }
      : null;
  },
);

export const sessionRef = input<{ id: string }>({ id: pattern(/^[\w-]{1,64}$/, 'must be a session id') });

export const tokenInput = input<{ token: string }>({ token: text({ max: 4_096 }) });
