import type { Connection } from 'mongoose';
import { createBlockModel } from './block.model.js';
import { createChatModel } from './chat.model.js';
import { createChatQueries } from './chat.queries.js';
import { createJobModel } from './job.model.js';
import { createKnownDeviceModel } from './known-device.model.js';
import { createLoginModel } from './login.model.js';
import { createMemberModel } from './member.model.js';
import { createMessageModel } from './message.model.js';
import { createMfaModel } from './mfa.model.js';
import { createNodeModel } from './node.model.js';
import { createNotificationModel } from './notification.model.js';
import { createRelationModel } from './relation.model.js';
import { createSessionModel } from './session.model.js';
import { createTrustedDeviceModel } from './trusted-device.model.js';
import { createUserModel } from './user.model.js';

/** All models on one connection. */
export function createModels(connection: Connection) {
  const users = createUserModel(connection);
  return {
    users,
    mfa: createMfaModel(users),
    trustedDevices: createTrustedDeviceModel(connection),
    sessions: createSessionModel(connection),
    logins: createLoginModel(connection),
    knownDevices: createKnownDeviceModel(connection),
    chats: createChatModel(connection),
    members: createMemberModel(connection),
    messages: createMessageModel(connection),
    nodes: createNodeModel(connection),
    jobs: createJobModel(connection),
    relations: createRelationModel(connection),
    blocks: createBlockModel(connection),
    notifications: createNotificationModel(connection),
    chatQueries: createChatQueries(connection),
  };
}

export type Models = ReturnType<typeof createModels>;
