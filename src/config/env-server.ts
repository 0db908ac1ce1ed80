import {
  corsOrigin,
  decimalNumber,
  duration,
  listOf,
  matching,
  oneOf,
  onOff,
  rate,
  sentryDsn,
  text,
  webOrigin,
  wholeNumber,
} from './parsers.js';
import { optional, setting } from './row.js';
import { allRoles } from './types.js';

/** The process itself: where it listens, who may call it, what it runs, how much it allows. */
export const serverRows = {
  NODE_ENV: setting(oneOf('development', 'production', 'test'), {
    default: 'development',
    doc: 'development, production or test.',
    example: 'production',
  }),
  PORT: setting(wholeNumber(0, 65_535), {
    default: '3001',
    doc: 'Port to listen on; 0 takes any free one.',
    example: '3001',
  }),
  HOST: setting(matching(/^[\w.:-]+$/, 'a host name or IP address'), {
    default: { development: '127.0.0.1', test: '127.0.0.1', production: '0.0.0.0' },
    doc: 'Address to listen on. Unset: 127.0.0.1 in development, 0.0.0.0 in production.',
    example: '0.0.0.0',
  }),
  PUBLIC_URL: optional(webOrigin, {
    doc: 'Where people reach this server, for links and as the one browser origin allowed in production.',
    example: 'https://chat.example.org',
  }),
  TRUST_PROXY: setting(wholeNumber(0, 32), {
    default: '0',
    doc: 'How many proxies stand in front (Nginx alone: 1); their X-Forwarded-For is believed, no one else’s.',
    example: '1',
  }),
  CORS_ORIGINS: optional(listOf(corsOrigin), {
    doc: 'Browser origins that may call, comma-separated. Unset: any port of localhost in development, PUBLIC_URL in production.',
    example: 'https://app.example.org,http://localhost:3000',
  }),
  NODE_NAME: optional(matching(/^[\w.-]{1,64}$/, '1 to 64 letters, digits, dots, dashes or underscores'), {
    doc: 'Name of this process in logs and statistics, unique in the deployment. Unset: host name and process id.',
    example: 'chat-1',
  }),
  ROLES: setting(listOf(oneOf('all', ...allRoles)), {
    default: 'all',
    doc: 'all, or any of auth, chat, realtime, files, notifications, comma-separated.',
    example: 'auth,chat',
  }),
  CLASSIC_DIALECT: setting(onOff, {
    default: 'on',
    doc: 'Also answer the older singular paths and event names.',
    example: 'off',
  }),
  WEB_CLIENT: setting(onOff, { default: 'on', doc: 'Serve the built-in web client at /.', example: 'off' }),
  GEOIP_DATABASE: optional(text, {
    doc: 'MaxMind database (City or Country, .mmdb) that tells where sign-ins come from. Unset: only what clients tell.',
    example: '/usr/share/GeoIP/GeoLite2-City.mmdb',
  }),
  LOG_LEVEL: setting(oneOf('error', 'warn', 'info', 'debug'), {
    default: { development: 'info', test: 'warn', production: 'info' },
    doc: 'error, warn, info or debug. Unset: info (warn in tests).',
    example: 'debug',
  }),
  METRICS_TOKEN: optional(text, {
    secret: true,
    doc: 'Bearer token for GET /metrics and /api/socket/stats from public addresses in production.',
    example: 'a long random text',
  }),
  SENTRY_DSN: optional(sentryDsn, {
    secret: true,
    doc: 'Report errors to this Sentry project.',
    example: 'https://key@sentry.example.org/1',
  }),
};

/** Allowances. RATE_LIMIT_SCALE multiplies them all. */
export const limitRows = {
  RATE_LIMIT_SCALE: setting(decimalNumber(0, 1_000_000), {
    default: '1',
    doc: 'Multiplies every allowance, for trusted networks and load tests; 0 switches limits off, not in production.',
    example: '10',
  }),
  RATE_LIMIT_AUTH: setting(rate, {
    default: '5/15m',
    doc: 'Failed sign-ins, per address and per account.',
    example: '5/15m',
  }),
  RATE_LIMIT_ANONYMOUS: setting(rate, {
    default: '100/15m',
    doc: 'Requests of one address that is not signed in.',
    example: '100/15m',
  }),
  RATE_LIMIT_USER: setting(rate, {
    default: '1000/15m',
    doc: 'Requests of one signed-in user.',
    example: '1000/15m',
  }),
  RATE_LIMIT_UPLOADS: setting(rate, { default: '10/1h', doc: 'Uploads of one user.', example: '10/1h' }),
  RATE_LIMIT_MESSAGES: setting(rate, { default: '60/1m', doc: 'Messages of one user.', example: '60/1m' }),
  SOCKET_EVENTS_PER_MINUTE: setting(wholeNumber(1, 1_000_000), {
    default: '100',
    doc: 'Socket events of one user in a minute.',
    example: '100',
  }),
  SOCKET_AUTH_TIMEOUT: setting(wholeNumber(100, 600_000), {
    default: '30000',
    doc: 'Milliseconds in which a connection must finish its handshake.',
    example: '30000',
  }),
  MAX_SOCKETS_PER_USER: setting(wholeNumber(1, 10_000), {
    default: '10',
    doc: 'Connections of one user at a time.',
    example: '10',
  }),
  MAX_CONNECTIONS_PER_IP: setting(wholeNumber(1, 1_000_000), {
    default: '100',
    doc: 'Connections of one address at a time.',
    example: '100',
  }),
  MAX_GROUP_SIZE: setting(wholeNumber(2, 100_000), {
    default: '1000',
    doc: 'Members of one group chat.',
    example: '1000',
  }),
  MAX_MESSAGE_LENGTH: setting(wholeNumber(1, 100_000), {
    default: '5000',
    doc: 'Characters of one message.',
    example: '5000',
  }),
  EDIT_WINDOW: setting(duration(0, 10 * 365 * 86_400), {
    default: '0',
    doc: 'How long after sending a message may be edited, in seconds or as 15m; 0 = no limit.',
    example: '15m',
  }),
};
