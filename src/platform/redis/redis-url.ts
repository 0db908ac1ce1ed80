/** Where Redis is: the one URL operators give. */
export type RedisConfig = Readonly<{ url: string }>;

export type RedisTarget = Readonly<{
  kind: 'single' | 'sentinel' | 'cluster';
  /** The server, the sentinels, or some nodes of the cluster. */
  nodes: readonly Readonly<{ host: string; port: number }>[];
  /** Name of the group the sentinels watch; null unless kind is `sentinel`. */
  masterName: string | null;
  db: number;
  username: string | null;
  password: string | null;
  /** Password of the sentinels themselves, which often have none. */
  sentinelPassword: string | null;
  tls: boolean;
}>;

const shape =
  /^(redis|rediss|redis-sentinel|redis-cluster):\/\/(?:([^@/?]*)@)?([^@/?]+)(?:\/([^?]*))?(?:\?(.*))?$/;
const kinds = {
  redis: 'single',
  rediss: 'single',
  'redis-sentinel': 'sentinel',
  'redis-cluster': 'cluster',
} as const;

/**
 * Reads
 * - `redis://[[user]:password@]host[:port][/db]`, `rediss://…` with TLS,
 * - `redis-sentinel://[[user]:password@]host:port,host:port/master-name[/db]`,
 * - `redis-cluster://[[user]:password@]host:port,host:port`,
 *
 * each with the optional parameters `?tls=true`, `?db=1` and `?sentinelPassword=…`. User and password are
 * percent-decoded. Throws an Error that never quotes the URL, because it may hold the password.
 */
export function parseRedisUrl(url: string): RedisTarget {
  const match = shape.exec(url.trim());
  if (match === null)
    throw new Error(
      'The Redis URL must start with redis://, rediss://, redis-sentinel:// or redis-cluster://.',
    );
  const [, scheme = '', credentials = '', hosts = '', path = '', query = ''] = match;
  const kind = kinds[scheme as keyof typeof kinds];
  const parameters = new URLSearchParams(query);
  const parts = path.split('/').filter((part) => part !== '');
  const masterName = kind === 'sentinel' ? decode(parts.shift() ?? '') : null;
  if (masterName === '')
    throw new Error('The Redis URL names no master: redis-sentinel://host:port/master-name.');
  const db = Number(parts.shift() ?? parameters.get('db') ?? 0);
  if (!Number.isInteger(db) || db < 0)
    throw new Error('The database in the Redis URL is not a whole number.');
  if (kind === 'cluster' && db !== 0) throw new Error('A Redis Cluster has database 0 only.');
  const [username, password] = splitCredentials(credentials);
  return {
    kind,
    nodes: hosts.split(',').map((host) => parseHost(host.trim(), kind === 'sentinel' ? 26_379 : 6_379)),
    masterName,
    db,
    username,
    password,
    sentinelPassword: parameters.get('sentinelPassword'),
    tls: scheme === 'rediss' || parameters.get('tls') === 'true',
  };
}

function parseHost(text: string, defaultPort: number): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? defaultPort);
  if (host === undefined || port < 1 || port > 65_535)
    throw new Error('A host in the Redis URL is not of the form host:port.');
  return { host, port };
}

function splitCredentials(text: string): [username: string | null, password: string | null] {
  if (text === '') return [null, null];
  const colon = text.indexOf(':');
  // Redis has a password without a user, hence `redis://secret@host` means the password.
  if (colon === -1) return [null, decode(text)];
  return [decode(text.slice(0, colon)) || null, decode(text.slice(colon + 1)) || null];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error('The Redis URL holds a % that is not followed by two hexadecimal digits.');
  }
}
