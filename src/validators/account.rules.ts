import { optional, pattern, shaped, type Rule } from '../platform/validation/rule.js';

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

/** Controls, and marks without a shape of their own that turn the direction of text or hide between letters. */
const HIDDEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;
/** What can be seen: no blank, no joiner, no filler, no mark without a letter to sit on. */
const VISIBLE = /[^\s\u200c\u200d\u115f\u1160\u2800\u3164\uffa0\p{M}]/u;
/** Cleaning makes a text shorter, but nobody needs a page for a name. */
const LONGEST = 1_000;

/**
 * One line that others read beside a person: any script of the world, without what is there to deceive the eye. Read in
 * one form (NFC), its blanks single, trimmed. `min` 0: may be empty, which takes it away.
 */
export function line(size: { min: 0 | 1; max: number }): Rule<string> {
  return shaped<string>({
    accept: (value) => {
      if (typeof value !== 'string' || value.length > LONGEST) return false;
      const cleaned = clean(value);
      if (cleaned === '') return size.min === 0;
      return [...cleaned].length <= size.max && VISIBLE.test(cleaned);
    },
    message: `must be one line of ${String(size.min)} to ${String(size.max)} characters that can be seen`,
    json: { type: 'string', minLength: size.min, maxLength: size.max },
    read: (value) => clean(value as string),
  });
}

function clean(text: string): string {
  return text.toWellFormed().replace(/\s+/g, ' ').replace(HIDDEN, '').normalize('NFC').trim();
}

export const displayName = optional(line({ min: 1, max: 50 }));

/** The code of a mail. As text: a number has no zeros in front. */
export const mailedCode = pattern(/^[0-9]{6}$/, 'must be the six digits of the mail');

/** What an authenticator shows. As text: a number has no zeros in front. */
export const authenticatorCode = pattern(/^[0-9]{6}$/, 'must be the six digits of your authenticator');

/** As shown or as typed: the hyphens may be missing, or blanks. */
export const recoveryCode = pattern(
  /^\s?[0-9A-Za-z]{4}(?:[ -]?[0-9A-Za-z]{4}){3}\s?$/,
  'must be a recovery code such as 7d2k-90xq-m4vz-c81h',
);
