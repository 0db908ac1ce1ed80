import type { MfaLoginInput, MfaProofInput } from '../contract/inputs.js';
import { input } from '../platform/validation/input.js';
import { boolean, optional, text } from '../platform/validation/rule.js';
import { authenticatorCode, presentPassword, recoveryCode } from './account.rules.js';
import { clientFields } from './client.validator.js';

/** Exactly one of a code and a recovery code. */
function oneOfTwo(
  name: string,
  code: string | undefined,
  recovery: string | undefined,
): { field: string; message: string } | null {
  if (code === undefined && recovery === undefined)
    return { field: name, message: 'or recoveryCode must be given' };
  return code !== undefined && recovery !== undefined
    ? { field: 'recoveryCode', message: `or ${name}, not both` }
    : null;
}

export const mfaSetupInput = input<{ password: string }>({ password: presentPassword });

export const mfaVerifyInput = input<{ token: string }>({ token: authenticatorCode });

export const mfaLoginInput = input<MfaLoginInput>(
  {
    mfaTicket: text({ max: 4_096 }),
    code: optional(authenticatorCode),
    recoveryCode: optional(recoveryCode),
    trustDevice: optional(boolean()),
    ...clientFields,
  },
  ({ code, recoveryCode: recovery }) => oneOfTwo('code', code, recovery),
);

export const mfaProofInput = input<MfaProofInput>(
  { password: presentPassword, token: optional(authenticatorCode), recoveryCode: optional(recoveryCode) },
  ({ token, recoveryCode: recovery }) => oneOfTwo('token', token, recovery),
);
