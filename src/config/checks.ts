/** What no single variable can tell: things that need each other, and things that production does not forgive. */
import { createHash } from 'node:crypto';
import type { EnvName, EnvValues } from './env.js';
import type { Reading } from './reader.js';
import { allRoles } from './types.js';
import { weakness } from './weak-secret.js';

type Check = Readonly<{
  values: EnvValues;
  production: boolean;
  environment: NodeJS.ProcessEnv;
  given: Reading['given'];
  problem(variable: string, problem: string, fix: string): void;
  warn(text: string): void;
}>;

const randomSecret = 'openssl rand -base64 48';

/** Why this process is one of several, or null: PM2 tells each copy its number and how many there are. */
function severalProcesses({ values, environment }: Check): string | null {
  const instance = environment['NODE_APP_INSTANCE']?.trim() ?? '';
  if (instance !== '' && instance !== '0') return `this is copy ${instance} of several (NODE_APP_INSTANCE)`;
  const instances = environment['instances']?.trim() ?? '';
  if (instances !== '' && instances !== '1') return `PM2 starts several copies (instances=${instances})`;
  const all = values.ROLES.includes('all') || allRoles.every((role) => values.ROLES.includes(role));
  return all ? null : 'ROLES leaves parts of the server to other processes';
}

function stores(check: Check): void {
  const { values, given, problem } = check;
  const embedded = values.EMBEDDED === 'allow';
  if (!given('MONGODB_URI') && !embedded) {
    problem(
      'MONGODB_URI',
      'is not set.',
      'Set it to your database, such as mongodb://localhost:27017/parley, or set EMBEDDED=allow to run one from DATA_DIR.',
    );
  }
  if (given('REDIS_URL')) return;
  const several = severalProcesses(check);
  if (several !== null) {
    problem(
      'REDIS_URL',
      `is not set, but ${several}: they share their state by Redis.`,
      'Set REDIS_URL, such as redis://localhost:6379, or run one process with ROLES=all.',
    );
  } else if (!embedded) {
    problem(
      'REDIS_URL',
      'is not set.',
      'Set it, such as redis://localhost:6379, or set EMBEDDED=allow to run this one process without Redis.',
    );
  }
}

type SecretName = 'ACCESS_TOKEN_SECRET' | 'REFRESH_TOKEN_SECRET' | 'JWT_SECRET';

function presentSecrets({ values, given, problem }: Check): void {
  if (given('JWT_SECRET') || values.EMBEDDED === 'allow') return;
  for (const name of ['ACCESS_TOKEN_SECRET', 'REFRESH_TOKEN_SECRET'] as const) {
    if (!given(name)) problem(name, 'is not set.', `Set it to the output of: ${randomSecret}`);
  }
}

function strongSecrets({ values, production, problem, warn }: Check): void {
  const unused = values.ACCESS_TOKEN_SECRET !== null && values.REFRESH_TOKEN_SECRET !== null;
  const used: readonly SecretName[] = [
    'ACCESS_TOKEN_SECRET',
    'REFRESH_TOKEN_SECRET',
    ...(unused ? [] : (['JWT_SECRET'] as const)),
  ];
  for (const name of used) {
    const why = values[name]?.map(weakness).find((found) => found !== null) ?? null;
    if (why === null) continue;
    if (production) problem(name, `${why}.`, `Use the output of: ${randomSecret}`);
    else warn(`${name} ${why}: production would refuse it.`);
  }
}

function differentSecrets({ values, production, problem, warn }: Check): void {
  const digests = (secrets: readonly string[] | null) =>
    (secrets ?? []).map((secret) => createHash('sha256').update(secret).digest('hex'));
  const access = new Set(digests(values.ACCESS_TOKEN_SECRET));
  if (!digests(values.REFRESH_TOKEN_SECRET).some((digest) => access.has(digest))) return;
  const what = 'is the same as ACCESS_TOKEN_SECRET';
  if (production)
    problem('REFRESH_TOKEN_SECRET', `${what}.`, `Use another one, the output of: ${randomSecret}`);
  else warn(`REFRESH_TOKEN_SECRET ${what}: production would refuse it.`);
}

function encryptionKey({ values, given, production, warn }: Check): void {
  if (!production || given('DATA_ENCRYPTION_KEY')) return;
  if (values.REFRESH_TOKEN_SECRET === null && values.JWT_SECRET === null) return;
  warn(
    'DATA_ENCRYPTION_KEY is not set: the key is derived from REFRESH_TOKEN_SECRET or JWT_SECRET. Set one before you ' +
      'change those, or two-step sign-in must be set up anew by everyone.',
  );
}

function bothOrNone(check: Check, [one, other]: readonly [EnvName, EnvName]): void {
  const [set, unset] = check.given(one) ? [one, other] : [other, one];
  if (check.given(set) && !check.given(unset)) {
    check.problem(unset, `is not set, but ${set} is.`, `Set both, or remove ${set}.`);
  }
}

function pairs(check: Check): void {
  bothOrNone(check, ['TURN_URLS', 'TURN_SECRET']);
  bothOrNone(check, ['VAPID_PUBLIC_KEY', 'VAPID_PRIVATE_KEY']);
  bothOrNone(check, ['ADMIN_EMAIL', 'ADMIN_PASSWORD']);
}

function objectStore({ values, given, problem }: Check): void {
  if (values.STORAGE !== 's3') return;
  for (const name of ['S3_BUCKET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'] as const) {
    if (!given(name)) problem(name, 'is not set, but STORAGE is s3.', `Set ${name}, or set STORAGE=local.`);
  }
}

function cookies({ values, production, problem, warn }: Check): void {
  const https = values.PUBLIC_URL?.startsWith('https:') === true;
  if (values.COOKIE_SAMESITE === 'none' && !production && !https) {
    problem(
      'COOKIE_SAMESITE',
      'is none, which browsers accept of Secure cookies only, and these are not.',
      'Set PUBLIC_URL to an https:// address, or use lax or strict.',
    );
  }
  const domain = values.COOKIE_DOMAIN?.replace(/^\./, '').toLowerCase();
  if (domain === undefined || values.PUBLIC_URL === null) return;
  if (!`.${new URL(values.PUBLIC_URL).hostname}`.endsWith(`.${domain}`)) {
    warn('COOKIE_DOMAIN does not cover the host of PUBLIC_URL: browsers will drop the cookies.');
  }
}

/** Whoever is let in at once learns by it that the address was free. */
function disclosure({ values, given, warn }: Check): void {
  if (values.REGISTER_DISCLOSURE !== 'silent') return;
  if (values.EMAIL_VERIFICATION ?? given('SMTP_URL')) return;
  warn('REGISTER_DISCLOSURE is silent, which needs EMAIL_VERIFICATION: without it taken addresses are told.');
}

function lifetimes({ values, problem }: Check): void {
  if (values.REFRESH_TOKEN_EXPIRY >= values.ACCESS_TOKEN_EXPIRY) return;
  problem(
    'REFRESH_TOKEN_EXPIRY',
    'is shorter than ACCESS_TOKEN_EXPIRY.',
    'Make it the longer of the two, such as 7d and 15m.',
  );
}

function mailInClear({ values, production, warn }: Check): void {
  if (!production || values.SMTP_URL === null) return;
  const { protocol, hostname, username, searchParams } = new URL(values.SMTP_URL);
  const near = /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname);
  if (protocol === 'smtps:' || username === '' || near || searchParams.has('tls')) return;
  warn(
    'SMTP_URL has a password, which a server that offers no TLS gets in clear: add ?tls=required, or use smtps.',
  );
}

function productionOnly({ values, given, production, problem, warn }: Check): void {
  if (!production) return;
  if (values.RATE_LIMIT_SCALE === 0) {
    problem(
      'RATE_LIMIT_SCALE',
      'is 0, which switches all limits off.',
      'Use 1, or a higher number in a trusted network.',
    );
  }
  if (values.BCRYPT_COST < 10) {
    problem(
      'BCRYPT_COST',
      'is too low for production: such hashes are quickly guessed.',
      'Use 12, at least 10.',
    );
  }
  if (values.EMAIL_VERIFICATION === true && !given('SMTP_URL')) {
    problem(
      'SMTP_URL',
      'is not set, but EMAIL_VERIFICATION is on: no one could register.',
      'Set SMTP_URL, or EMAIL_VERIFICATION=auto.',
    );
  }
  if (!given('PUBLIC_URL')) {
    warn(
      'PUBLIC_URL is not set: links in mails lead nowhere, and browsers are let in from CORS_ORIGINS only.',
    );
  }
  if (
    values.PUBLIC_URL?.startsWith('http:') === true &&
    !/^http:\/\/(localhost|127\.|\[::1\])/.test(values.PUBLIC_URL)
  ) {
    warn(
      'PUBLIC_URL is http: cookies are Secure in production, so browsers will not keep them without https.',
    );
  }
}

/** Reports everything that is wrong between variables; answers what is only odd. */
export function crossCheck(reading: Reading, environment: NodeJS.ProcessEnv): string[] {
  const warnings: string[] = [];
  const check: Check = {
    values: reading.values,
    production: reading.env === 'production',
    environment,
    given: reading.given,
    problem: (variable, problem, fix) => void reading.problems.push({ variable, problem, fix }),
    warn: (text) => void warnings.push(text),
  };
  const all = [
    stores,
    presentSecrets,
    strongSecrets,
    differentSecrets,
    encryptionKey,
    pairs,
    objectStore,
    cookies,
    disclosure,
    lifetimes,
    mailInClear,
    productionOnly,
  ];
  for (const one of all) one(check);
  return warnings;
}
