/**
 * What the rest of Parley may know about its settings: typed slices, frozen, made once by `loadConfig`.
 * Whatever is switched off is null, so that nothing can be used without looking whether it is there.
 */

export type NodeEnv = 'development' | 'production' | 'test';

/** The parts of the server that a process can run; `ROLES=all` is every one of them. */
export const allRoles = ['auth', 'chat', 'realtime', 'files', 'notifications'] as const;
export type Role = (typeof allRoles)[number];

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
export type AuthTransport = 'both' | 'cookie' | 'bearer';

/** `points` allowed per `perSeconds`, before RATE_LIMIT_SCALE. */
export type Rate = Readonly<{ points: number; perSeconds: number }>;

export type ServerConfig = Readonly<{
  host: string;
  /** 0 lets the system choose a free one. */
  port: number;
  /** Origin without a trailing slash, such as `https://chat.example.org`; null when not told. */
  publicUrl: string | null;
  /** How many proxies in front of us may be believed about `X-Forwarded-*`; 0 = none. */
  trustProxyHops: number;
  /** Origins of browsers that may call us; null = any http(s) origin on localhost, 127.0.0.1 or [::1] (development). */
  corsOrigins: readonly string[] | null;
  nodeName: string;
  /** Never empty, in the order of `allRoles`. */
  roles: readonly Role[];
  classicDialect: boolean;
  webClient: boolean;
}>;

/** Folders are absolute paths. They may not exist yet. */
export type DataConfig = Readonly<{
  dir: string;
  uploadPath: string;
  /** null: no log files. */
  logDir: string | null;
  /** A database, a key store and secrets of our own may stand in for those that were not configured. */
  embedded: boolean;
}>;

export type MongoConfig = Readonly<{
  /** null: find or start one (see `data.embedded`). */
  uri: string | null;
  /** The database named in the uri, else `parley`. */
  database: string;
  poolSize: number;
}>;

export type RedisConfig = Readonly<{
  /** redis:, rediss:, redis-sentinel://host,host/master or redis-cluster://host,host */
  url: string;
}>;

export type CookieConfig = Readonly<{
  domain: string | null;
  sameSite: 'strict' | 'lax' | 'none';
  secure: boolean;
}>;

export type AuthConfig = Readonly<{
  transport: AuthTransport;
  /** First signs, all verify. Empty = to be generated: use `loadSecrets`, never these. */
  accessSecrets: readonly string[];
  refreshSecrets: readonly string[];
  /** Base64 of 32 bytes each. First encrypts, all decrypt. Empty = `loadSecrets` finds one. */
  dataEncryptionKeys: readonly string[];
  accessTtlSeconds: number;
  refreshTtlSeconds: number;
  bearerTtlSeconds: number;
  cookie: CookieConfig;
  bcryptCost: number;
  /** `silent`: registering a taken address answers as if it were free. */
  registerDisclosure: 'open' | 'silent';
}>;

export type AccountsConfig = Readonly<{ emailVerification: boolean }>;

export type MailConfig = Readonly<{
  /** smtp: or smtps: with the credentials inside. */
  url: string;
  from: string;
}>;

export type S3Config = Readonly<{
  endpoint: string | null;
  region: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
  forcePathStyle: boolean;
}>;

export type FilesConfig = Readonly<{
  maxBytes: number;
  /** For resumable uploads; never below `maxBytes`. */
  maxResumableBytes: number;
  maxVoiceSeconds: number;
  /** Lower-case media types. */
  allowedTypes: readonly string[];
  urlTtlSeconds: number;
  /** null: files are kept under `data.uploadPath`. */
  s3: S3Config | null;
  clamd: Readonly<{ host: string; port: number }> | null;
}>;

export type LimitsConfig = Readonly<{
  /** Multiplies every allowance; 0 = limits are off. */
  rateScale: number;
  rates: Readonly<Record<'auth' | 'anonymous' | 'user' | 'uploads' | 'messages', Rate>>;
  socketEventsPerMinute: number;
  maxSocketsPerUser: number;
  maxConnectionsPerIp: number;
  socketAuthTimeoutMs: number;
  maxGroupSize: number;
  /** In characters. */
  maxMessageLength: number;
  /** 0 = no limit. */
  editWindowSeconds: number;
}>;

export type Config = Readonly<{
  env: NodeEnv;
  server: ServerConfig;
  data: DataConfig;
  mongo: MongoConfig;
  redis: RedisConfig | null;
  /** Put before every key of the key store, as it is. */
  keyPrefix: string;
  auth: AuthConfig;
  accounts: AccountsConfig;
  mail: MailConfig | null;
  files: FilesConfig;
  limits: LimitsConfig;
  turn: Readonly<{ urls: readonly string[]; secret: string }> | null;
  /** `subject` is the mailto: or https: address that push services may complain to. */
  vapid: Readonly<{ publicKey: string; privateKey: string; subject: string }> | null;
  /** Absolute path of a MaxMind database; null: none. */
  geoipDatabase: string | null;
  metricsToken: string | null;
  sentryDsn: string | null;
  /** The account that is made an administrator at start. */
  admin: Readonly<{ email: string; password: string }> | null;
  log: Readonly<{ level: LogLevel }>;
  /** Odd, but no reason not to start: for the log, without secrets. */
  warnings: readonly string[];
  /** PATH of the environment, for finding `mongod`. */
  path: string;
}>;

/** One mistake, in words for the person who has to put it right. Never holds a secret's value. */
export type ConfigProblem = Readonly<{ variable: string; problem: string; fix: string }>;
