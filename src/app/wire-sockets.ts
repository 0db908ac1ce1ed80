import type { Server as HttpServer } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import type { Server } from 'socket.io';
import type { Config } from '../config/config.js';
import type { Models } from '../models/index.js';
import type { Clock } from '../platform/clock/clock.js';
import type { Cluster } from '../platform/cluster/cluster.js';
import { AppError } from '../platform/errors/app-error.js';
import type { OriginPolicy } from '../platform/http/origins.js';
import { key } from '../platform/keys/keys.js';
import type { KeyStore } from '../platform/keystore/key-store.js';
import type { Logger } from '../platform/logging/logger.js';
import { admitSockets, type Welcome } from '../platform/realtime/admission.js';
import { createEventDoor, tell } from '../platform/realtime/event-door.js';
import { createRealtimeServer } from '../platform/realtime/realtime-server.js';
import type { SocketRegistry } from '../platform/realtime/socket-registry.js';
import { fanOutChats } from '../services/chat.fanout.js';
import { fanOutContacts } from '../services/contact.fanout.js';
import type { MemberRooms } from '../services/member.service.js';
import { fanOutMessages } from '../services/message.fanout.js';
import { fanOutPresence } from '../services/presence.fanout.js';
import type { LinkRooms, PresenceLinks } from '../services/presence.links.js';
import type { PresenceRooms } from '../services/presence.watch.js';
import type { SessionSockets } from '../services/session.service.js';
import type { Services } from './wire-services.js';

/** What services may ask of the sockets this process holds. */
export type SocketPorts = MemberRooms & SessionSockets & PresenceRooms & LinkRooms;

export function socketPorts(registry: SocketRegistry): SocketPorts {
  return {
    enter: (userIds, chatId, options) => registry.enterChat(userIds, chatId, options),
    leave: (userIds, chatId) => registry.leaveChat(userIds, chatId),
    present: (userIds) => userIds.filter((id) => registry.has(id)),
    watchOf: (userId) => registry.watchOf(userId),
    unwatch: (watcherIds, watchedIds) => registry.unwatch(watcherIds, watchedIds),
    cut: (sessionIds, userId, reason) => {
      for (const socket of [...registry.ofUser(userId)]) {
        if (!sessionIds.includes(socket.data.actor.sessionId)) continue;
        tell(socket, 'session:revoked', { reason });
        socket.disconnect(true);
      }
    },
    prolong: ({ sessionId, userId, expiresAtMs }) => {
      for (const socket of registry.ofUser(userId)) {
        const { data } = socket;
        if (data.actor.sessionId === sessionId)
          data.tokenExpiresAt = Math.max(data.tokenExpiresAt, expiresAtMs);
      }
    },
    renew: ({ userId, username, role }) => {
      for (const { data } of registry.ofUser(userId)) data.actor = { ...data.actor, username, role };
    },
    sessionsOf: (userId) => new Set([...registry.ofUser(userId)].map(({ data }) => data.actor.sessionId)),
    watch: ({ userId, socketId }, userIds) => {
      for (const socket of registry.ofUser(userId)) {
        if (socket.id === socketId) registry.watch(socket, userIds);
      }
    },
    everybody: () => registry.users(),
    link: (userId, otherId, how) => registry.link(userId, otherId, how),
    linkedTo: (userId) => registry.linkedTo(userId),
  };
}

type Deps = {
  config: Config;
  http: HttpServer;
  origins: OriginPolicy;
  accessCookie: string;
  registry: SocketRegistry;
  services: Services;
  models: Models;
  keyStore: KeyStore;
  cluster: Cluster;
  clock: Clock;
  logger: Logger;
  adapter?: Parameters<Server['adapter']>[0] | undefined;
};

const EXPIRY_CHECK_MS = 15_000;
/** Only a safety net: places end with their socket, or with their node. */
const PLACE_TTL_MS = 24 * 3_600_000;

/** The realtime half of the server: handshake, events, fan-out. Answers how to drain and close it. */
export function wireSockets(deps: Deps) {
  const { config, registry, services, models, clock, logger } = deps;
  const { limits } = config;
  const realtime = createRealtimeServer({
    http: deps.http,
    origins: deps.origins,
    logger,
    settings: {
      handshakeTimeoutMs: limits.socketAuthTimeoutMs,
      maxConnectionsPerIp: limits.maxConnectionsPerIp,
      trustProxyHops: config.server.trustProxyHops,
    },
    ...(deps.adapter === undefined ? {} : { adapter: deps.adapter }),
  });
  const { facts } = services;
  fanOutMessages(facts, realtime.emitter);
  fanOutChats({
    facts,
    emitter: realtime.emitter,
    views: services.chatViews,
    chats: models.chats,
    members: models.members,
  });
  fanOutPresence(facts, realtime.emitter);
  fanOutContacts(facts, realtime.emitter);

  const door = createEventDoor({
    events: services.events,
    spend: (bucket, userId) =>
      services.limits.spend(bucket === 'event' ? 'socket.event' : 'socket.signal', userId),
    logger,
    clock,
  });
  admitSockets(realtime.io, {
    registry,
    door,
    authenticate: services.authenticate,
    accessCookie: deps.accessCookie,
    transport: config.auth.transport,
    welcome: (actor) => welcome(models, services.links, actor.userId),
    ...places(deps, limits.maxSocketsPerUser),
    addressOf: (socket) => realtime.addressOf(socket),
    onConnected: (userId) => void services.presence.connected(userId),
    onDisconnected: (actor) => {
      services.sessions.used(actor);
      services.presence.disconnected(actor.userId);
    },
    nodeName: config.server.nodeName,
    clock,
    logger,
  });

  const expiry = setInterval(() => {
    const now = clock();
    for (const socket of registry.all()) {
      if (now <= socket.data.tokenExpiresAt + 60_000) continue;
      tell(socket, 'session:expired', {});
      socket.disconnect(true);
    }
  }, EXPIRY_CHECK_MS).unref();

  return {
    /** Tells everybody to come back elsewhere, and waits for the events under way. */
    drain: async () => {
      clearInterval(expiry);
      for (const socket of registry.all()) tell(socket, 'server:draining', { reconnectIn: reconnectIn() });
      await door.idle();
      await lastWrites();
    },
    close: async () => {
      await lastWrites();
      realtime.close();
    },
  };
}

/** What was told in this turn is written at its end (write-batching); a socket cut before would not hear it. */
async function lastWrites(): Promise<void> {
  await setImmediate();
  await setImmediate();
}

/** Spread, in milliseconds, so that the whole house does not knock at once. */
function reconnectIn(): number {
  return 500 + Math.floor(Math.random() * 2_500);
}

/** The newcomer's chats, whose presence concerns him (contacts, the other sides of direct chats), and his unread total. */
async function welcome(models: Models, links: PresenceLinks, userId: string): Promise<Welcome> {
  const [states, circle] = await Promise.all([models.chatQueries.states(userId), links.of(userId)]);
  return {
    ...circle,
    chatIds: states.map((state) => state.chatId),
    peers: states.flatMap((state) => state.directKey?.split(':').filter((id) => id !== userId) ?? []),
    unreadTotal: states.reduce((sum, state) => sum + Math.max(0, state.seq - state.lastReadSeq), 0),
  };
}

/** MAX_SOCKETS_PER_USER over all nodes: each socket has a place in a shared set, and one too many gives it back. */
function places({ keyStore, cluster, logger }: Deps, max: number) {
  const leavePlace = (userId: string, socketId: string): void => {
    keyStore
      .leaseRemove(key.sockets(userId), `${cluster.nodeId}:${socketId}`)
      .catch((error: unknown) => logger.debug('a place could not be given back', { error }));
  };
  return {
    leavePlace,
    takePlace: async (userId: string, socketId: string): Promise<void> => {
      const name = key.sockets(userId);
      try {
        await keyStore.leaseAdd(name, `${cluster.nodeId}:${socketId}`, PLACE_TTL_MS);
        const [taken, alive] = await Promise.all([keyStore.leaseMembers(name), cluster.liveNodes()]);
        if (taken.filter((place) => alive.has(place.split(':', 1)[0] ?? '')).length <= max) return;
      } catch (error) {
        logger.debug('places are not counted while the key store is away', { error });
        return;
      }
      leavePlace(userId, socketId);
      throw new AppError('TOO_MANY_CONNECTIONS');
    },
  };
}
