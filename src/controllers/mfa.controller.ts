import { action, openAction, type Action } from '../platform/actions/action.js';
import type { MfaLogin } from '../services/mfa-login.service.js';
import type { MfaService } from '../services/mfa.service.js';
import { mfaLoginInput, mfaProofInput, mfaSetupInput, mfaVerifyInput } from '../validators/mfa.validator.js';
import { signedIn } from './auth.controller.js';

export type MfaActions = Record<'setup' | 'verify' | 'login' | 'disable' | 'recoveryCodes', Action>;

export function createMfaActions({ mfa, mfaLogin }: { mfa: MfaService; mfaLogin: MfaLogin }): MfaActions {
  return {
    setup: action(mfaSetupInput, async ({ actor, input, origin }) => ({
      message: 'Scan the code with your authenticator, then enter what it shows.',
      data: await mfa.setup(actor, input.password, origin),
    })),
    verify: action(mfaVerifyInput, async ({ actor, input, origin }) => ({
      message: 'Two-step sign-in is on.',
      data: { user: await mfa.verify(actor, input.token, origin) },
    })),
    login: openAction(mfaLoginInput, async ({ input, origin }) =>
      signedIn('Signed in.', await mfaLogin.withTicket(input, origin)),
    ),
    disable: action(mfaProofInput, async ({ actor, input, origin }) => ({
      message: 'Two-step sign-in is off.',
      data: { user: await mfa.disable(actor, input, origin) },
    })),
    recoveryCodes: action(mfaProofInput, async ({ actor, input, origin }) => ({
      message: 'Your new recovery codes. The old ones are worth nothing now.',
      data: { recoveryCodes: await mfa.newRecoveryCodes(actor, input, origin) },
    })),
  };
}
