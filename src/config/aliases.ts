/**
 * The other names under which front ends, tutorials and compose files of this family configure the same things.
 * The first that is set wins, the canonical name before all of them.
 */
import type { EnvName } from './env.js';
import type { Found, Source } from './source.js';

const sameMeaning: Readonly<Partial<Record<EnvName, readonly string[]>>> = {
  MONGODB_URI: ['MONGO_URI', 'MONGO_DB_URL'],
  CORS_ORIGINS: ['CORS_ORIGIN', 'FRONTEND_URL'],
};

/** Names that take part in an address made from several variables. */
const parts = [
  'DB_USERNAME',
  'DB_PASSWORD',
  'DB_NAME',
  'DB_HOST',
  'REDIS_HOST',
  'REDIS_PORT',
  'REDIS_PASSWORD',
  'MAIL_TRAP_HOST',
  'MAIL_TRAP_PORT',
  'MAIL_TRAP_USERNAME',
  'MAIL_TRAP_PASSWORD',
] as const;

export const aliasNames: readonly string[] = [...Object.values(sameMeaning).flat(), ...parts];

const encode = encodeURIComponent;

function textOf(source: Source, name: (typeof parts)[number]): string | null {
  return source.find(name)?.text ?? null;
}

function missing(source: Source, name: (typeof parts)[number], beside: string): null {
  // An unreadable file or the like has been reported already.
  if (!source.given(name)) {
    source.report({
      variable: name,
      problem: `is not set, but ${beside} is.`,
      fix: `Set ${name}, or remove ${beside}.`,
    });
  }
  return null;
}

/** DB_USERNAME, DB_PASSWORD, DB_NAME (parley), DB_HOST (localhost:27017). The host decides between mongodb and +srv. */
function mongoFromParts(source: Source): Found | null {
  if (!source.given('DB_USERNAME') && !source.given('DB_PASSWORD')) return null;
  const user = textOf(source, 'DB_USERNAME');
  const password = textOf(source, 'DB_PASSWORD');
  if (user === null) return missing(source, 'DB_USERNAME', 'DB_PASSWORD');
  if (password === null) return missing(source, 'DB_PASSWORD', 'DB_USERNAME');
  const host = textOf(source, 'DB_HOST') ?? 'localhost:27017';
  const path = `${encode(user)}:${encode(password)}@${host}/${encode(textOf(source, 'DB_NAME') ?? 'parley')}`;
  // Atlas gives a name without a port that is looked up by SRV record; other users live in the admin database.
  const text = host.endsWith('.mongodb.net') ? `mongodb+srv://${path}` : `mongodb://${path}?authSource=admin`;
  return { variable: 'DB_HOST', text };
}

/** REDIS_PORT alone says nothing: Kubernetes sets one for every service called redis. */
function redisFromParts(source: Source): Found | null {
  if (!source.given('REDIS_HOST') && !source.given('REDIS_PASSWORD')) return null;
  const password = textOf(source, 'REDIS_PASSWORD');
  const credentials = password === null ? '' : `:${encode(password)}@`;
  const host = textOf(source, 'REDIS_HOST') ?? 'localhost';
  return {
    variable: 'REDIS_HOST',
    text: `redis://${credentials}${host}:${textOf(source, 'REDIS_PORT') ?? '6379'}`,
  };
}

function smtpFromParts(source: Source): Found | null {
  const user = textOf(source, 'MAIL_TRAP_USERNAME');
  const password = textOf(source, 'MAIL_TRAP_PASSWORD');
  const host = textOf(source, 'MAIL_TRAP_HOST');
  if (host === null) {
    const beside = user === null ? 'MAIL_TRAP_PASSWORD' : 'MAIL_TRAP_USERNAME';
    return user === null && password === null ? null : missing(source, 'MAIL_TRAP_HOST', beside);
  }
  if (user !== null && password === null) return missing(source, 'MAIL_TRAP_PASSWORD', 'MAIL_TRAP_USERNAME');
  const credentials = user === null ? '' : `${encode(user)}:${encode(password ?? '')}@`;
  const port = textOf(source, 'MAIL_TRAP_PORT') ?? '2525';
  return {
    variable: 'MAIL_TRAP_HOST',
    text: `${port === '465' ? 'smtps' : 'smtp'}://${credentials}${host}:${port}`,
  };
}

const fromParts: Readonly<Partial<Record<EnvName, (source: Source) => Found | null>>> = {
  MONGODB_URI: mongoFromParts,
  REDIS_URL: redisFromParts,
  SMTP_URL: smtpFromParts,
};

/** What `name` was set to, under its own name or another. */
export function findSetting(source: Source, name: EnvName): Found | null {
  for (const candidate of [name, ...(sameMeaning[name] ?? [])]) {
    if (source.given(candidate)) return source.find(candidate);
  }
  return fromParts[name]?.(source) ?? null;
}

/** True when the person tried to set it, however that ended: so that it is not also reported as missing. */
export function settingGiven(source: Source, name: EnvName): boolean {
  if ([name, ...(sameMeaning[name] ?? [])].some((candidate) => source.given(candidate))) return true;
  if (name === 'MONGODB_URI') return source.given('DB_USERNAME') || source.given('DB_PASSWORD');
  if (name === 'REDIS_URL') return source.given('REDIS_HOST') || source.given('REDIS_PASSWORD');
  return name === 'SMTP_URL' && parts.some((part) => part.startsWith('MAIL_TRAP_') && source.given(part));
}
