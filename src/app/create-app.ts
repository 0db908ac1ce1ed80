import { createServer } from 'node:http';
import { Server as NetServer, type AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { createAdapter } from '@socket.io/redis-adapter';
import { ConfigError, type Config } from '../config/config.js';
import { windowOf } from '../config/limit-table.js';
import { loadSecrets } from '../config/secrets.js';
import { jobHandlers } from '../jobs/index.js';
import { createModels } from '../models/index.js';
import { migrate, missingIndexes } from '../models/migrate.js';
import { systemClock, type Clock } from '../platform/clock/clock.js';
import { createCluster } from '../platform/cluster/cluster.js';
import { createSealedBox } from '../platform/crypto/sealed-box.js';
import { docsRoutes } from '../platform/docs/docs-routes.js';
import { contextOf } from '../platform/http/context.js';
import { createSessionCookies } from '../platform/http/cookies.js';
import { devMailboxRoutes } from '../platform/http/dev-mailbox.js';
import { healthRoutes } from '../platform/http/health.js';
import { createHttpApp } from '../platform/http/http-app.js';
import { doorOf } from '../platform/http/http-door.js';
import { identify } from '../platform/http/identify.js';
import { createOriginPolicy } from '../platform/http/origins.js';
import { apiRateLimit } from '../platform/http/rate-limit.js';
import { createUploads } from '../platform/http/upload.js';
import { openMemoryKeyStore } from '../platform/keystore/memory-key-store.js';
import { openKeyStore, type OpenedKeyStore } from '../platform/keystore/open-key-store.js';
import type { Logger } from '../platform/logging/logger.js';
import { connectMongo } from '../platform/mongo/connect.js';
import { openDatabase } from '../platform/mongo/provider.js';
import { openQueue } from '../platform/queue/open-queue.js';
import { openPlaces, PlacesUnreadable, type Places } from '../platform/places/places.js';
import { createSocketRegistry } from '../platform/realtime/socket-registry.js';
import { openStorage } from '../platform/storage/open-storage.js';
import { apiRoutes } from '../routes/index.js';
import { jobTable, queueTable } from '../services/job-map.js';
import { serverEvents } from '../sockets/server-events.js';
import type { Lifecycle } from './lifecycle.js';
import { registerProcess } from './sole-process.js';
import { wireMail } from './wire-mail.js';
import { wireServices } from './wire-services.js';
import { socketPorts, wireSockets } from './wire-sockets.js';

export type App = {
  /** Where it listens, such as `http://127.0.0.1:3001`. */
  url: string;
  /** What stands in for parts that were not configured, for the banner. */
  parts: { database: string; keyStore: string; secrets: string; embedded: boolean };
};

/** How long a copy that is about to stop says so at /readyz before it refuses connections. */
const BALANCER_MS = 1_000;

/** `clock`: of a test that moves the time. */
type Deps = { config: Config; logger: Logger; lifecycle: Lifecycle; version: string; clock?: Clock };

/**
 * The whole server, from its configuration. Reads top to bottom: what is opened first is closed last.
 * Resolves when it listens and is ready.
 */
export async function createApp(deps: Deps): Promise<App> {
  const { config, logger, lifecycle, version, clock = systemClock } = deps;
  let phase: 'starting' | 'up' = 'starting';

  // Storage
  const secrets = await loadSecrets(config, (text) => logger.warn(text));
  const database = lifecycle.opened(
    'database',
    await openDatabase({
      config: { uri: config.mongo.uri, embedded: config.data.embedded, dataDir: config.data.dir },
      logger,
      path: config.path,
    }),
    (it) => it.close(),
  );
  const mongo = lifecycle.opened(
    'mongo connection',
    await connectMongo({
      uri: database.uri,
      database: config.mongo.database,
      poolSize: config.mongo.poolSize,
      logger,
    }),
    (it) => it.close(),
  );
  const models = createModels(mongo.connection);
  if (config.env !== 'production' || database.kind !== 'external') await migrate(models, logger);
  else await assertMigrated(models);

  const storage = await openStorage({ folder: config.data.uploadPath, s3: config.files.s3 });

  // What processes share
  const keyStore = lifecycle.opened(
    'key store',
    await openKeyStore({ redis: config.redis, keyPrefix: config.keyPrefix, logger }),
    (it) => it.close(),
  );
  const fallback = lifecycle.opened('fallback store', openMemoryKeyStore(), (it) => it.close());
  const cluster = createCluster({ keyStore, logger, nodeName: config.server.nodeName });
  const leave = await registerProcess({
    nodes: models.nodes,
    nodeId: cluster.nodeId,
    keyStore: keyStore.kind,
    logger,
  });
  lifecycle.opened('process register', leave, (it) => it());
  await cluster.start();
  lifecycle.opened('cluster', cluster, (it) => it.close());

  // What need not be done at once
  const box = createSealedBox(secrets.dataEncryption);
  const queue = lifecycle.opened(
    'queue',
    await openQueue({
      connections: keyStore.connections,
      keyPrefix: config.keyPrefix,
      store: models.jobs,
      ...{ table: jobTable, queues: queueTable, clock, logger },
    }),
    (it) => it.close(),
  );
  const mail = lifecycle.opened(
    'mail',
    wireMail({ config, jobs: queue, keyStore, box, clock, logger }),
    (it) => it.close(),
  );

  // Services and the two doors
  const places = lifecycle.opened('places', await placesOf(config, logger), (it) => it.close());
  const registry = createSocketRegistry();
  const services = await wireServices({
    ...{ config, secrets, models, keyStore, fallback, storage, cluster, places, clock, logger },
    mailer: mail.mailer,
    sockets: socketPorts(registry),
  });
  lifecycle.opened('sessions', services.sessions, (it) => it.close());
  lifecycle.opened('settler', services.settler, (it) => it.close());
  lifecycle.opened('message log', services.log, (it) => it.close());
  lifecycle.opened('typing', services.typing, (it) => it.close());
  lifecycle.opened('what follows answers', services.afterwards, (it) => it.close());
  lifecycle.opened('presence', services.presence, (it) => it.close());

  const origins = createOriginPolicy(config.server);
  const cookies = createSessionCookies({
    ...config.auth.cookie,
    accessTtlSeconds: config.auth.accessTtlSeconds,
    refreshTtlSeconds: config.auth.refreshTtlSeconds,
  });
  const { transport } = config.auth;
  const tables = apiRoutes(services.actions);
  const api = doorOf(tables, { cookies, transport, uploads: createUploads(storage) });
  const health = healthRoutes({
    version,
    phase: () => (lifecycle.draining ? 'draining' : phase),
    checks: [
      { name: 'mongodb', ping: mongo.ping },
      { name: 'keyStore', ping: () => keyStore.ping() },
      { name: 'queue', ping: () => queue.ping() },
    ],
  });
  const http = createServer(
    createHttpApp({
      trustProxyHops: config.server.trustProxyHops,
      origins,
      logger,
      development: config.env === 'development',
      draining: () => lifecycle.draining,
      open: [
        health,
        ...(mail.mailbox === null ? [] : [devMailboxRoutes(mail.mailbox.list)]),
        docsRoutes({
          about: { title: 'Parley', version, description: 'Self-hosted real-time chat: REST and Socket.IO.' },
          routes: tables.flat(),
          asked: services.events,
          told: serverEvents,
        }),
      ],
      identify: identify(
        {
          authenticate: (token) => services.authenticate(token, { often: true }),
          ...{ cookies, transport, origins },
          changingGets: new Set(['/auth/logout']),
        },
        contextOf,
      ),
      limit: apiRateLimit({
        keyStore,
        fallback,
        logger,
        anonymous: windowOf(config.limits.rates.anonymous),
        user: windowOf(config.limits.rates.user),
        scale: config.limits.rateScale,
        // A page full of faces is no misuse, and an `<img>` of another site does not say who asks.
        free: ({ method, path }) => /^(GET|HEAD)$/.test(method) && path.startsWith('/avatars/'),
      }),
      api,
    }),
  );
  const sockets = wireSockets({
    ...{ config, http, origins, registry, services, models, keyStore, cluster, clock, logger },
    accessCookie: cookies.accessName,
    adapter: adapterOf(keyStore, config.keyPrefix),
  });

  // Open for business
  if (config.server.roles.includes('notifications')) await queue.work(jobHandlers({ mail: mail.delivery }));
  await listen(http, config.server);
  lifecycle.opened('http server', http, (it) => closeHttp(it));
  lifecycle.opened('sockets', sockets, (it) => it.close());
  // Not ready yet still serving, so that balancers look elsewhere; then nobody new; then those who are here are told.
  const balanced = config.env === 'production' && keyStore.kind === 'redis';
  lifecycle.onDrain('balancers', () => pause(balanced ? BALANCER_MS : 0));
  lifecycle.onDrain('listening', () => stopListening(http));
  lifecycle.onDrain('sockets', sockets.drain);
  lifecycle.onDrain('queue', () => queue.drain());
  phase = 'up';
  // What older keys have sealed moves to the new one, so that they can be taken away.
  services.afterwards.run('sealing secrets anew', services.reseal);
  return {
    url: `http://${printable(config.server.host)}:${(http.address() as AddressInfo).port}`,
    parts: {
      database: database.description,
      keyStore: keyStore.kind === 'memory' ? 'in this process (set REDIS_URL to run several)' : 'Redis',
      secrets: secrets.generated ? `generated, in ${config.data.dir}` : 'configured',
      embedded: database.kind !== 'external' || keyStore.kind === 'memory' || secrets.generated,
    },
  };
}

/** The database of others is never changed behind their back: `npm run migrate` is theirs to run. */
async function assertMigrated(models: ReturnType<typeof createModels>): Promise<void> {
  const missing = await missingIndexes(models);
  if (missing.length > 0) {
    throw new Error(
      `The database lacks indexes that Parley's guarantees rest on.\nFix: npm run migrate\n${missing.join('\n')}`,
    );
  }
}

async function placesOf({ geoipDatabase: path }: Config, logger: Logger): Promise<Places> {
  try {
    return await openPlaces({ path, logger });
  } catch (error) {
    if (!(error instanceof PlacesUnreadable)) throw error;
    const fix = 'Name an .mmdb file that this process may read, or leave it out.';
    throw new ConfigError([{ variable: 'GEOIP_DATABASE', problem: error.message, fix }]);
  }
}

function adapterOf(
  keyStore: OpenedKeyStore,
  keyPrefix: string,
): ReturnType<typeof createAdapter> | undefined {
  const { connections } = keyStore;
  if (connections === null) return undefined;
  return createAdapter(
    connections.duplicate('publisher', 'socket.io'),
    connections.duplicate('subscriber', 'socket.io'),
    {
      key: `${keyPrefix}socket.io`,
      requestsTimeout: 2_000,
    },
  );
}

function listen(
  http: ReturnType<typeof createServer>,
  { host, port }: { host: string; port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once('error', reject);
    http.listen(port, host, () => {
      http.removeListener('error', reject);
      resolve();
    });
  });
}

/** New connections are refused, and go to another copy; those that are open go on. */
function stopListening(http: ReturnType<typeof createServer>): void {
  NetServer.prototype.close.call(http);
}

/** Ends idle keep-alive connections at once; requests under way are finished. */
function closeHttp(http: ReturnType<typeof createServer>): Promise<void> {
  return new Promise((resolve) => {
    http.close(() => resolve());
    http.closeIdleConnections();
  });
}

function printable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}
