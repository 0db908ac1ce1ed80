import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { aliasNames } from './aliases.js';
import { crossCheck } from './checks.js';
import { deriveSecret } from './derive.js';
import { envTable, type EnvValues } from './env.js';
import { misspelt } from './near-miss.js';
import { readTable, type Reading } from './reader.js';
import {
  allRoles,
  type AuthConfig,
  type Config,
  type ConfigProblem,
  type DataConfig,
  type FilesConfig,
  type LimitsConfig,
  type MailConfig,
  type NodeEnv,
  type ServerConfig,
} from './types.js';

export type * from './types.js';

function describe(problems: readonly ConfigProblem[]): string {
  const count = problems.length === 1 ? 'one setting is wrong' : `${problems.length} settings are wrong`;
  const blocks = problems.map(
    ({ variable, problem, fix }) => `  ${variable}\n    ${problem}\n    Fix: ${fix}`,
  );
  return [`Parley cannot start: ${count}.`, ...blocks].join('\n\n');
}

/** Every mistake of the environment at once; `message` is for a person to read. Exit code 78 (EX_CONFIG) is meant for it. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(describe(problems));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** null = any loopback origin. The server's own public origin belongs to every list. */
function corsOriginsOf(values: EnvValues, env: NodeEnv): readonly string[] | null {
  const own = values.PUBLIC_URL === null ? [] : [values.PUBLIC_URL];
  if (values.CORS_ORIGINS !== null) return [...new Set([...values.CORS_ORIGINS, ...own])];
  return env === 'production' ? own : null;
}

function serverOf(values: EnvValues, env: NodeEnv): ServerConfig {
  const roles = values.ROLES.includes('all')
    ? allRoles
    : allRoles.filter((role) => values.ROLES.includes(role));
  return {
    host: values.HOST,
    port: values.PORT,
    publicUrl: values.PUBLIC_URL,
    trustProxyHops: values.TRUST_PROXY,
    corsOrigins: corsOriginsOf(values, env),
    nodeName: values.NODE_NAME ?? `${hostname()}-${process.pid}`,
    roles: [...roles],
    classicDialect: values.CLASSIC_DIALECT,
    webClient: values.WEB_CLIENT,
  };
}

function dataOf(values: EnvValues, cwd: string): DataConfig {
  return {
    dir: resolve(cwd, values.DATA_DIR),
    uploadPath: resolve(cwd, values.UPLOAD_PATH),
    logDir: values.LOG_DIR === 'off' ? null : resolve(cwd, values.LOG_DIR),
    embedded: values.EMBEDDED === 'allow',
  };
}

/** The path of the address, which may have several hosts and is thus nothing for URL. */
function databaseOf(uri: string | null): string {
  const path = uri === null ? undefined : /^[^:]+:\/\/[^/?]+\/([^?]+)/.exec(uri)?.[1];
  return path === undefined ? 'parley' : decodeURIComponent(path);
}

function authOf(values: EnvValues, env: NodeEnv): AuthConfig {
  const derived = (purpose: string) =>
    (values.JWT_SECRET ?? []).map((secret) => deriveSecret(secret, purpose));
  return {
    transport: values.AUTH_TRANSPORT,
    accessSecrets: values.ACCESS_TOKEN_SECRET ?? derived('access token'),
    refreshSecrets: values.REFRESH_TOKEN_SECRET ?? derived('refresh token'),
    dataEncryptionKeys: values.DATA_ENCRYPTION_KEY ?? [],
    accessTtlSeconds: values.ACCESS_TOKEN_EXPIRY,
    refreshTtlSeconds: values.REFRESH_TOKEN_EXPIRY,
    bearerTtlSeconds: values.JWT_EXPIRES_IN,
    cookie: {
      domain: values.COOKIE_DOMAIN?.replace(/^\./, '') ?? null,
      sameSite: values.COOKIE_SAMESITE,
      secure: env === 'production' || values.COOKIE_SAMESITE === 'none',
    },
    bcryptCost: values.BCRYPT_COST,
    registerDisclosure: values.REGISTER_DISCLOSURE,
  };
}

function mailOf(values: EnvValues): MailConfig | null {
  if (values.SMTP_URL === null) return null;
  const host = values.PUBLIC_URL === null ? 'localhost' : new URL(values.PUBLIC_URL).hostname;
  return { url: values.SMTP_URL, from: values.MAIL_FROM ?? `Parley <no-reply@${host}>` };
}

function filesOf(values: EnvValues): FilesConfig {
  const { S3_BUCKET: bucket, S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey } = values;
  const s3 =
    values.STORAGE === 's3' && bucket !== null && accessKeyId !== null && secretAccessKey !== null
      ? {
          bucket,
          accessKeyId,
          secretAccessKey,
          endpoint: values.S3_ENDPOINT,
          region: values.S3_REGION,
          forcePathStyle: values.S3_FORCE_PATH_STYLE,
        }
      : null;
  return {
    maxBytes: values.MAX_FILE_SIZE,
    maxResumableBytes: Math.max(values.MAX_RESUMABLE_SIZE, values.MAX_FILE_SIZE),
    maxVoiceSeconds: values.MAX_VOICE_DURATION,
    allowedTypes: values.ALLOWED_FILE_TYPES,
    urlTtlSeconds: values.FILE_URL_EXPIRY,
    s3,
    clamd: values.CLAMD_HOST,
  };
}

function limitsOf(values: EnvValues): LimitsConfig {
  return {
    rateScale: values.RATE_LIMIT_SCALE,
    rates: {
      auth: values.RATE_LIMIT_AUTH,
      anonymous: values.RATE_LIMIT_ANONYMOUS,
      user: values.RATE_LIMIT_USER,
      uploads: values.RATE_LIMIT_UPLOADS,
      messages: values.RATE_LIMIT_MESSAGES,
    },
    socketEventsPerMinute: values.SOCKET_EVENTS_PER_MINUTE,
    maxSocketsPerUser: values.MAX_SOCKETS_PER_USER,
    maxConnectionsPerIp: values.MAX_CONNECTIONS_PER_IP,
    socketAuthTimeoutMs: values.SOCKET_AUTH_TIMEOUT,
    maxGroupSize: values.MAX_GROUP_SIZE,
    maxMessageLength: values.MAX_MESSAGE_LENGTH,
    editWindowSeconds: values.EDIT_WINDOW,
  };
}

function vapidOf(values: EnvValues, mail: MailConfig | null): Config['vapid'] {
  const { VAPID_PUBLIC_KEY: publicKey, VAPID_PRIVATE_KEY: privateKey, PUBLIC_URL: url } = values;
  if (publicKey === null || privateKey === null) return null;
  const address = /[^\s<>]+@[^\s<>]+/.exec(mail?.from ?? '')?.[0] ?? 'no-reply@localhost';
  return { publicKey, privateKey, subject: url?.startsWith('https:') === true ? url : `mailto:${address}` };
}

function adminOf({ ADMIN_EMAIL: email, ADMIN_PASSWORD: password }: EnvValues): Config['admin'] {
  return email === null || password === null ? null : { email: email.toLowerCase(), password };
}

function turnOf({ TURN_URLS: urls, TURN_SECRET: secret }: EnvValues): Config['turn'] {
  return urls === null || secret === null ? null : { urls, secret };
}

function assemble({ values, env }: Reading, cwd: string): Omit<Config, 'warnings' | 'path'> {
  const mail = mailOf(values);
  return {
    env,
    server: serverOf(values, env),
    data: dataOf(values, cwd),
    mongo: {
      uri: values.MONGODB_URI,
      database: databaseOf(values.MONGODB_URI),
      poolSize: values.MONGO_POOL_SIZE,
    },
    redis: values.REDIS_URL === null ? null : { url: values.REDIS_URL },
    keyPrefix: values.KEY_PREFIX ?? '',
    auth: authOf(values, env),
    accounts: { emailVerification: values.EMAIL_VERIFICATION ?? mail !== null },
    mail,
    files: filesOf(values),
    limits: limitsOf(values),
    turn: turnOf(values),
    vapid: vapidOf(values, mail),
    geoipDatabase: values.GEOIP_DATABASE === null ? null : resolve(cwd, values.GEOIP_DATABASE),
    metricsToken: values.METRICS_TOKEN,
    sentryDsn: values.SENTRY_DSN,
    admin: adminOf(values),
    log: { level: values.LOG_LEVEL },
  };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}

/**
 * Reads and checks the whole environment once. Touches no file but those named by `_FILE` variables.
 *
 * @param env usually `readEnvironment()`
 * @param options.cwd what relative paths are relative to; the process's folder when absent
 * @throws ConfigError naming every mistake together, with its fix and without any secret's value
 */
export function loadConfig(env: NodeJS.ProcessEnv, options: { cwd?: string } = {}): Config {
  const cwd = options.cwd ?? process.cwd();
  const reading = readTable(env, cwd);
  const odd = crossCheck(reading, env);
  if (reading.problems.length > 0) throw new ConfigError(reading.problems);
  const warnings = [...odd, ...misspelt(Object.keys(env), [...Object.keys(envTable), ...aliasNames])];
  return deepFreeze({ ...assemble(reading, cwd), warnings, path: env['PATH'] ?? '' });
}
