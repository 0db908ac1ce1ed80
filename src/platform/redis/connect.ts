import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis';
import type { Logger } from '../logging/logger.js';
import { bareError } from './redis-errors.js';
import { parseRedisUrl, type RedisConfig, type RedisTarget } from './redis-url.js';

export type RedisClient = Redis | Cluster;

/**
 * What a connection is for:
 * - `commands`: fails at once while Redis is away, sends nothing twice, batches what one event-loop turn asks.
 * - `publisher`, `subscriber`: the pair the Socket.IO adapter wants. The adapter leaves the promises of these
 *   connections alone, so their rejections are marked as handled: an outage must not end the process.
 * - `queue`: for BullMQ, whose blocking commands may wait as long as they like.
 */
type RedisUse = 'commands' | 'publisher' | 'subscriber' | 'queue';

export type RedisConnections = {
  readonly kind: RedisTarget['kind'];
  /** One more connection to the same Redis; `name` appears in the log. Whoever asked ends it (`quit`, `disconnect`). */
  duplicate(use: RedisUse, name: string): RedisClient;
  /**
   * A connection to a single server that can subscribe: the server itself, the master, or some node of the cluster
   * (which passes everything published on). It neither connects nor reconnects by itself.
   */
  bareSubscriber(peers: RedisClient): Redis;
  /** Cuts every connection that is still open. */
  close(): void;
};

export type ConnectOptions = { redis: RedisConfig; logger: Logger; commandTimeoutMs: number };

/** `replyMapping` is a type parameter of ioredis's classes, and options that may hold it fit neither of its values. */
type Options = Omit<RedisOptions, 'replyMapping'>;
type Settings = Omit<ClusterOptions, 'redisOptions'> & { redisOptions: Options };

const longestReconnectMs = 2_000;

/** Milliseconds before reconnection number `times` (from 1): 50, 100, 200 … capped at two seconds. */
export function reconnectDelay(times: number): number {
  return Math.min(50 * 2 ** (times - 1), longestReconnectMs);
}

/** Makes connections of all kinds to the Redis of `redis.url`. Opens none. Throws an Error when the URL is not usable. */
export function createConnections({ redis, logger, commandTimeoutMs }: ConnectOptions): RedisConnections {
  const target = parseRedisUrl(redis.url);
  const open = new Set<RedisClient>();

  const tracked = <C extends RedisClient>(client: C, name: string): C => {
    open.add(client);
    client.once('end', () => open.delete(client));
    logOutages(client, logger.child({ connection: name }));
    return client;
  };

  return {
    kind: target.kind,
    duplicate: (use, name) => {
      const options = optionsFor(use, commandTimeoutMs);
      const client = target.kind === 'cluster' ? newCluster(target, options, use) : newRedis(target, options);
      return tracked(
        use === 'publisher' || use === 'subscriber' ? withHandledRejections(client) : client,
        name,
      );
    },
    bareSubscriber: (peers) => {
      const options: Options = {
        ...optionsFor('commands', commandTimeoutMs),
        enableAutoPipelining: false,
        autoResubscribe: false,
        lazyConnect: true,
        retryStrategy: null,
      };
      const client =
        target.kind === 'cluster'
          ? new Redis({ ...shared(target), ...options, ...someNode(target, peers) })
          : newRedis(target, options);
      open.add(client);
      client.once('end', () => open.delete(client));
      // Its owner is told by `connect()` and `end`; without a listener ioredis would print to the console.
      client.on('error', () => undefined);
      return client;
    },
    close: () => {
      for (const client of open) client.disconnect();
    },
  };
}

function optionsFor(use: RedisUse, commandTimeoutMs: number): Options {
  // Node probes a silent peer ten times, a second apart, once this delay is over: a dead one is found in 15 s.
  const common: Options = {
    retryStrategy: reconnectDelay,
    connectTimeout: 5_000,
    keepAlive: 5_000,
    // How long the process may be kept alive by a connection that the server does not close.
    disconnectTimeout: 200,
  };
  if (use === 'queue' || use === 'subscriber') return { ...common, maxRetriesPerRequest: null };
  return {
    ...common,
    commandTimeout: commandTimeoutMs,
    // A stalled server or a silently dropped connection: cut, so that the next attempt starts afresh.
    socketTimeout: commandTimeoutMs + 1_000,
    // Queued or resent commands would run after their callers were told that they failed, or run twice.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    enableAutoPipelining: true,
    // A master that became a replica (failover) refuses writes: reconnect, which asks the sentinels again.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  };
}

/** What a connection to any server of the deployment needs. */
function shared(target: RedisTarget): Options {
  return {
    ...(target.username === null ? {} : { username: target.username }),
    ...(target.password === null ? {} : { password: target.password }),
    ...(target.tls ? { tls: {} } : {}),
  };
}

function newRedis(target: RedisTarget, options: Options): Redis {
  const base = { ...shared(target), ...options, db: target.db };
  const [first] = target.nodes;
  if (target.masterName === null) return new Redis({ ...base, ...first });
  return new Redis({
    ...base,
    sentinels: target.nodes.map((node) => ({ ...node })),
    name: target.masterName,
    ...(target.sentinelPassword === null ? {} : { sentinelPassword: target.sentinelPassword }),
    ...(target.tls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
    sentinelRetryStrategy: reconnectDelay,
    sentinelCommandTimeout: 2_000,
  });
}

function newCluster(target: RedisTarget, options: Options, use: RedisUse): Cluster {
  const {
    retryStrategy: _perNode,
    enableOfflineQueue = true,
    enableAutoPipelining = false,
    ...perNode
  } = options;
  const settings: Settings = {
    redisOptions: { ...shared(target), ...perNode },
    clusterRetryStrategy: reconnectDelay,
    enableOfflineQueue,
    enableAutoPipelining,
    slotsRefreshInterval: 5_000,
    // "Connection is closed" leaves open whether the command ran: the queue's commands bear repetition, ours don't.
    ...(use === 'queue' ? {} : { retryDelayOnFailover: 0 }),
    ...(use === 'subscriber' ? { shardedSubscribers: true } : {}),
    // Certificates are for names, so names must reach the TLS handshake unresolved.
    ...(target.tls ? { dnsLookup: (host, done) => done(null, host) } : {}),
  };
  return new Cluster(
    target.nodes.map((node) => ({ ...node })),
    settings,
  );
}

/** A master the cluster client knows, or one of the nodes in the URL while it knows none. */
function someNode(target: RedisTarget, peers: RedisClient): { host: string; port: number } {
  const known = 'nodes' in peers ? peers.nodes('master').map((node) => node.options) : [];
  const candidates = known.length > 0 ? known : target.nodes;
  const { host = '127.0.0.1', port = 6_379 } =
    candidates[Math.floor(Math.random() * candidates.length)] ?? {};
  return { host, port };
}

type Method = (...values: unknown[]) => unknown;

/** Marks rejections of the pub/sub commands as handled; those who await the promise still see them. */
function withHandledRejections<C extends RedisClient>(client: C): C {
  const methods = client as unknown as Record<string, Method | undefined>;
  for (const command of ['publish', 'subscribe', 'unsubscribe']) {
    for (const name of [command, `s${command}`, `p${command}`]) {
      const original = methods[name];
      if (original === undefined) continue;
      methods[name] = (...values) => {
        const answer = original.apply(client, values);
        if (answer instanceof Promise) answer.catch(() => undefined);
        return answer;
      };
    }
  }
  return client;
}

/** One warning when the connection is lost, one line when it is back, however often it is tried in between. */
function logOutages(client: RedisClient, logger: Logger): void {
  let down = false;
  const lost = (reason: string): void => {
    if (down) return;
    down = true;
    logger.warn('Redis is out of reach', { reason });
  };
  client.on('ready', () => {
    if (down) logger.info('Redis is back');
    down = false;
  });
  client.on('error', (error: unknown) => {
    lost(bareError(error).message);
  });
  client.on('node error', (error: unknown) => {
    lost(bareError(error).message);
  });
  client.on('+node', () => {
    if (client.status === 'ready') down = false;
  });
  client.on('reconnecting', () => {
    lost('connection lost');
  });
}
