import type { Empty, LoginInput, RegisterInput } from '../contract/inputs.js';
import { input } from '../platform/validation/input.js';
import { email, optional, pattern, shaped, text } from '../platform/validation/rule.js';

const USERNAME = /^[A-Za-z0-9_.-]{3,30}$/;
const username = pattern(USERNAME, 'must have 3 to 30 characters: letters, digits, _ . -');

/** 8–128 characters of any kind; kept exactly as typed, so no cleaning. */
const password = shaped<string>({
  accept: (value) =>
    typeof value === 'string' &&
    [...value.slice(0, 300)].length >= 8 &&
    [...value.slice(0, 300)].length <= 128,
  message: 'must have 8 to 128 characters',
  json: { type: 'string', minLength: 8, maxLength: 128, format: 'password' },
  read: (value) => value as string,
});

/** For signing in: any text that could be a password of ours; its length is no hint. */
const anyPassword = shaped<string>({
  accept: (value) => typeof value === 'string' && value.length > 0 && value.length <= 1_000,
  message: 'must be given as text',
  json: { type: 'string', maxLength: 1_000, format: 'password' },
  read: (value) => value as string,
});

const displayName = optional(text({ max: 50 }));

export const nothing = input<Empty>({});

export const registerInput = input<RegisterInput>({
  username,
  email: email(),
  password,
  firstName: displayName,
  lastName: displayName,
});

export const loginInput = input<LoginInput>(
  {
    email: optional(email()),
    username: optional(pattern(/^.{1,254}$/u, 'must be a username')),
    password: anyPassword,
  },
  (login) =>
    login.email === undefined && login.username === undefined
      ? { field: 'email', message: 'or username must be given' }
      : null,
);

export const sessionRef = input<{ id: string }>({ id: pattern(/^[\w-]{1,64}$/, 'must be a session id') });

export const tokenInput = input<{ token: string }>({ token: text({ max: 4_096 }) });
