import { optional, pattern, shaped, text } from '../platform/validation/rule.js';

/** The rules for what an account is made of, the same wherever one is made or changed. (An address: `email()` itself.) */

export const username = pattern(
  /^[A-Za-z0-9_.-]{3,30}$/,
  'must have 3 to 30 characters: letters, digits, _ . -',
);

/** 8–128 characters of any kind; kept exactly as typed, so no cleaning. */
export const newPassword = shaped<string>({
  accept: (value) =>
    typeof value === 'string' &&
    [...value.slice(0, 300)].length >= 8 &&
    [...value.slice(0, 300)].length <= 128,
  message: 'must have 8 to 128 characters',
  json: { type: 'string', minLength: 8, maxLength: 128, format: 'password' },
  read: (value) => value as string,
});

/** To prove oneself by: any text that could be a password of ours; its length is no hint. */
export const presentPassword = shaped<string>({
  accept: (value) => typeof value === 'string' && value.length > 0 && value.length <= 1_000,
  message: 'must be given as text',
  json: { type: 'string', maxLength: 1_000, format: 'password' },
  read: (value) => value as string,
});

export const displayName = optional(text({ max: 50 }));

/** The code of a mail. As text: a number has no zeros in front. */
export const mailedCode = pattern(/^[0-9]{6}$/, 'must be the six digits of the mail');
