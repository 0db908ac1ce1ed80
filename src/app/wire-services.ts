import type { Config } from '../config/config.js';
import { limitTable } from '../config/limit-table.js';
import type { Secrets } from '../config/secrets.js';
import { createAuthActions } from '../controllers/auth.controller.js';
import { createAvatarActions } from '../controllers/avatar.controller.js';
import { createChatActions } from '../controllers/chat.controller.js';
import { createCredentialsActions } from '../controllers/credentials.controller.js';
import { createLoginActions } from '../controllers/login.controller.js';
import { createMessageActions } from '../controllers/message.controller.js';
import { createMfaActions } from '../controllers/mfa.controller.js';
import { createRegistrationActions } from '../controllers/registration.controller.js';
import { createSessionActions } from '../controllers/session.controller.js';
import { createUserActions } from '../controllers/user.controller.js';
import type { Models } from '../models/index.js';
import { createAfterwards } from '../platform/background/afterwards.js';
import type { Clock } from '../platform/clock/clock.js';
import type { Cluster } from '../platform/cluster/cluster.js';
import { createFacts } from '../platform/facts/facts.js';
import type { KeyStore } from '../platform/keystore/key-store.js';
import { createImages } from '../platform/images/images.js';
import { createLimits } from '../platform/limits/limits.js';
import type { Logger } from '../platform/logging/logger.js';
import type { Storage } from '../platform/storage/storage.js';
import type { Places } from '../platform/places/places.js';
import type { Actions } from '../controllers/index.js';
import { createAudit } from '../services/audit.service.js';
import { createAuthService } from '../services/auth.service.js';
import { createAvatarStore } from '../services/avatar.store.js';
import { createChatService } from '../services/chat.service.js';
import { createChatViews } from '../services/chat.views.js';
import type { FactMap } from '../services/facts.js';
import { createIntrospectionService } from '../services/introspection.service.js';
import { createKnownDevices } from '../services/known-device.service.js';
import { createLoginService } from '../services/login.service.js';
import type { Mailer } from '../services/mail.service.js';
import { createMemberService, type MemberRooms } from '../services/member.service.js';
import { createMessageLog } from '../services/message.log.js';
import { announceStored, createMessageService, type SendContext } from '../services/message.service.js';
import { createMessageSettler } from '../services/message.settler.js';
import { createMessageViews } from '../services/message.views.js';
import { createPasswords } from '../services/password.js';
import { createPresenceLinks, type LinkRooms } from '../services/presence.links.js';
import { createPresenceService } from '../services/presence.service.js';
import { createPresenceWatch, type PresenceRooms } from '../services/presence.watch.js';
import { createProfileService } from '../services/profile.service.js';
import { createProofService } from '../services/proof.service.js';
import { createSessionService, type SessionSockets } from '../services/session.service.js';
import { createSignInService } from '../services/signin.service.js';
import { createSyncService } from '../services/sync.service.js';
import { createTokenService } from '../services/token.service.js';
import { createTypingService } from '../services/typing.service.js';
import { createUserService } from '../services/user.service.js';
import { socketEvents } from '../sockets/index.js';
import { wireBonds, wireContacts } from './wire-contacts.js';
import { wireFlows } from './wire-flows.js';
import { wireMfa } from './wire-mfa.js';

type Deps = {
  config: Config;
  secrets: Secrets;
  models: Models;
  keyStore: KeyStore;
  /** This process's memory, for limits while the key store is away. */
  fallback: KeyStore;
  storage: Storage;
  cluster: Cluster;
  places: Places;
  mailer: Mailer;
  clock: Clock;
  logger: Logger;
  /** What the realtime layer does with its sockets when services ask. */
  sockets: MemberRooms & SessionSockets & PresenceRooms & LinkRooms;
};

/** Models → services → actions, by hand and in order. Nothing here opens anything. */
export async function wireServices(deps: Deps) {
  const {
    config,
    secrets,
    models,
    keyStore,
    fallback,
    storage,
    cluster,
    places,
    mailer,
    clock,
    logger,
    sockets,
  } = deps;
  const facts = createFacts<FactMap>(logger);
  const { auth, limits: limitsConfig } = config;
  const limits = createLimits({
    table: limitTable(limitsConfig),
    scale: limitsConfig.rateScale,
    keyStore,
    fallback,
    logger,
  });

  const tokens = createTokenService({
    access: secrets.access,
    refresh: secrets.refresh,
    ttlSeconds: {
      access: auth.accessTtlSeconds,
      refresh: auth.refreshTtlSeconds,
      bearer: auth.bearerTtlSeconds,
    },
  });
  const presence = createPresenceService({ keyStore, cluster, users: models.users, facts, clock, logger });
  const bonds = wireBonds({ models, cluster });
  const { friends, blocks, visibility, gate } = bonds;
  const users = createUserService({ users: models.users, presence, visibility, blocks, cluster, logger });
  const sessions = createSessionService({
    sessions: models.sessions,
    users: models.users,
    tokens,
    keyStore,
    cluster,
    sockets,
    clock,
    logger,
    sessionTtlSeconds: Math.max(auth.refreshTtlSeconds, auth.bearerTtlSeconds),
  });
  const passwords = await createPasswords({ cost: auth.bcryptCost });
  const logins = createLoginService({ logins: models.logins, places, clock, logger });
  const audit = createAudit({ logins, logger });
  const knownDevices = createKnownDevices({ model: models.knownDevices });
  const signin = createSignInService({
    ...{ users: models.users, sessions, presence, places, logins, knownDevices, mailer, limits, audit },
    ...{ clock, logger },
  });
  const proof = createProofService({ users: models.users, sessions, passwords, limits, audit });
  const afterwards = createAfterwards({ logger });
  const accounts = { secrets, models, keyStore, sessions, signin, passwords, proof, limits, audit, clock };
  const twoStep = wireMfa({ ...accounts, mailer, logger });
  const { devices } = twoStep;
  const flows = wireFlows({ ...accounts, config, devices, mailer, afterwards });
  const authService = createAuthService({ ...accounts, ...twoStep, users: models.users });
  const introspection = createIntrospectionService({ tokens, sessions, users });

  const avatars = createAvatarStore({ storage, images: createImages() });
  const profile = createProfileService({
    ...{ users: models.users, views: users, sessions, signin, avatars, audit, logger },
  });

  const links = createPresenceLinks({ friends, blocks, users, rooms: sockets, facts, cluster });
  const members = createMemberService({
    ...{ members: models.members, cluster, rooms: sockets },
    nowPeers: (a, b) => links.bringInLine(a, b),
  });
  const settler = createMessageSettler({ ...models, logger });
  const announce = announceStored(facts);
  const log = createMessageLog<SendContext>({
    messages: models.messages,
    logger,
    clock,
    onStored: (message, context) => {
      settler.note(message);
      announce(message, context);
    },
  });
  const messageViews = createMessageViews({ messages: models.messages, users });
  const messages = createMessageService({
    messages: models.messages,
    memberModel: models.members,
    members,
    users,
    gate,
    views: messageViews,
    log,
    readMarks: models.chatQueries.readMarks,
    facts,
    clock,
  });
  const chatViews = createChatViews({
    ...{ queries: models.chatQueries, users, messages: messageViews, blocks, settler },
  });
  const chats = createChatService({
    chats: models.chats,
    memberModel: models.members,
    messageModel: models.messages,
    members,
    messages,
    users,
    views: chatViews,
    gate,
    facts,
    clock,
    maxGroupSize: limitsConfig.maxGroupSize,
  });
  const sync = createSyncService({
    queries: models.chatQueries,
    chatViews,
    messageViews,
    messages: models.messages,
  });
  const typing = createTypingService({ members, gate, facts, clock });
  const watch = createPresenceWatch({ users, visibility, rooms: sockets });

  const contacts = wireContacts({ ...bonds, models, users, links, limits, afterwards, facts, clock });

  const actions: Actions = {
    auth: createAuthActions(authService),
    logins: createLoginActions(logins),
    registration: createRegistrationActions(flows.registration),
    credentials: createCredentialsActions({ ...flows, introspection }),
    mfa: createMfaActions(twoStep),
    users: createUserActions({ users, profile, presence, watch }),
    avatars: createAvatarActions({ profile, avatars, limits, maxBytes: config.files.maxBytes }),
    contacts: contacts.actions,
    chats: createChatActions(chats),
    messages: createMessageActions({
      messages,
      sync,
      typing,
      limits,
      maxMessageLength: limitsConfig.maxMessageLength,
    }),
  };

  /** The one token verifier, for both doors. `often`: the token comes with each request, and not once with a socket. */
  const authenticate = async (token: string, { often = false } = {}) => {
    const claims = tokens[often ? 'recognise' : 'verify'](token, ['access', 'bearer']);
    return { actor: await sessions.actor(claims), expiresAtMs: claims.expiresAtMs };
  };

  const session = createSessionActions({ authenticate, prolong: (renewed) => sockets.prolong(renewed) });
  const events = socketEvents(actions, session);

  return {
    actions,
    events,
    authenticate,
    afterwards,
    reseal: twoStep.reseal,
    facts,
    limits,
    sessions,
    presence,
    links,
    typing,
    log,
    settler,
    chatViews,
  };
}

export type Services = Awaited<ReturnType<typeof wireServices>>;
