import { action, type Action } from '../platform/actions/action.js';
import type { LoginService } from '../services/login.service.js';
import { pageInput } from '../validators/page.validator.js';

export type LoginActions = Record<'list', Action>;

export function createLoginActions(logins: LoginService): LoginActions {
  return {
    list: action(pageInput, async ({ actor, input }) => ({
      message: 'Your logins.',
      data: await logins.list(actor, input),
    })),
  };
}
