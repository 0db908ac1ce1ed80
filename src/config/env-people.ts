import {
  base64Of,
  duration,
  listOf,
  matching,
  oneOf,
  onOffOr,
  smtpUrl,
  text,
  wholeNumber,
} from './parsers.js';
import { optional, setting } from './row.js';

const year = 365 * 86_400;
const emailAddress = matching(/^[^\s@<>]+@[^\s@<>]+$/, 'an e-mail address');

/** Signing in and the secrets behind it. */
export const authRows = {
  AUTH_TRANSPORT: setting(oneOf('both', 'cookie', 'bearer'), {
    default: 'both',
    doc: 'How clients carry their session: both, cookie or bearer.',
    example: 'cookie',
  }),
  EMAIL_VERIFICATION: setting(onOffOr('auto'), {
    default: 'auto',
    doc: 'Confirm new accounts by a mailed code: on, off, or auto (on when SMTP is configured).',
    example: 'on',
  }),
  REGISTER_DISCLOSURE: setting(oneOf('open', 'silent'), {
    default: 'open',
    doc: 'silent: registering a taken address answers as if it were free, and its owner gets a mail.',
    example: 'silent',
  }),
  ACCESS_TOKEN_SECRET: optional(listOf(text), {
    secret: true,
    doc: 'Signs access tokens: 32 bytes or more. Comma-separated = rotation, the first signs. Unset in development: generated.',
    example: 'output of: openssl rand -base64 48',
  }),
  ACCESS_TOKEN_EXPIRY: setting(duration(1, year), {
    default: '15m',
    doc: 'Life of an access cookie.',
    example: '15m',
  }),
  REFRESH_TOKEN_SECRET: optional(listOf(text), {
    secret: true,
    doc: 'Signs refresh tokens: as above, and a different one.',
    example: 'output of: openssl rand -base64 48',
  }),
  REFRESH_TOKEN_EXPIRY: setting(duration(1, year), {
    default: '7d',
    doc: 'Life of a session that is not used.',
    example: '7d',
  }),
  JWT_SECRET: optional(listOf(text), {
    secret: true,
    doc: 'One secret from which both of the above are derived when they are not given.',
    example: 'output of: openssl rand -base64 48',
  }),
  JWT_EXPIRES_IN: setting(duration(1, year), {
    default: '7d',
    doc: 'Life of a bearer token.',
    example: '7d',
  }),
  DATA_ENCRYPTION_KEY: optional(listOf(base64Of(32)), {
    secret: true,
    doc: 'Encrypts MFA secrets at rest: 32 bytes in base64; comma-separated = rotation. Unset: derived from the token secrets.',
    example: 'output of: openssl rand -base64 32',
  }),
  COOKIE_DOMAIN: optional(matching(/^\.?[a-z0-9-]+(\.[a-z0-9-]+)*$/i, 'a domain such as example.org'), {
    doc: 'Share the cookies with the subdomains of this domain. Unset: this host alone.',
    example: 'example.org',
  }),
  COOKIE_SAMESITE: setting(oneOf('strict', 'lax', 'none'), {
    default: 'strict',
    doc: 'strict, lax or none; none (a web client on another site) needs https.',
    example: 'lax',
  }),
  BCRYPT_COST: setting(wholeNumber(4, 16), {
    default: '12',
    doc: 'Work of one password hash; each step doubles it. At least 10 in production.',
    example: '12',
  }),
  ADMIN_EMAIL: optional(emailAddress, {
    doc: 'Account that is made an administrator at start; with ADMIN_PASSWORD.',
    example: 'admin@example.org',
  }),
  ADMIN_PASSWORD: optional(matching(/^.{8,128}$/su, '8 to 128 characters long'), {
    secret: true,
    doc: 'Password of that account when it is created.',
    example: '8 to 128 characters',
  }),
};

/** Reaching people: mail, push, calls. */
export const reachRows = {
  SMTP_URL: optional(smtpUrl, {
    secret: true,
    doc: 'Mail server; with ?tls=required nothing goes to it in clear. Unset: no mail; in development it is shown at /dev/mailbox.',
    example: 'smtps://user:password@smtp.example.org:465',
  }),
  MAIL_FROM: optional(
    matching(/^([^<>\r\n]*<)?[^\s@<>]+@[^\s@<>]+>?$/, 'a sender such as Parley <no-reply@example.org>'),
    {
      doc: 'Sender of mail. Unset: no-reply at the host of PUBLIC_URL.',
      example: 'Parley <no-reply@example.org>',
    },
  ),
  VAPID_PUBLIC_KEY: optional(base64Of(65), {
    doc: 'Web Push; both keys or none.',
    example: 'output of: npx web-push generate-vapid-keys',
  }),
  VAPID_PRIVATE_KEY: optional(base64Of(32), {
    secret: true,
    doc: 'Web Push; both keys or none.',
    example: 'output of: npx web-push generate-vapid-keys',
  }),
  TURN_URLS: optional(
    listOf(
      matching(/^(turns?|stuns?):[\w.:[\]-]+(\?transport=(udp|tcp))?$/i, 'an address such as turn:host:3478'),
    ),
    {
      doc: 'Relays for calls, comma-separated; with TURN_SECRET.',
      example: 'turn:turn.example.org:3478,turns:turn.example.org:5349?transport=tcp',
    },
  ),
  TURN_SECRET: optional(text, {
    secret: true,
    doc: 'static-auth-secret of coturn; with TURN_URLS.',
    example: 'the static-auth-secret of turnserver.conf',
  }),
};
