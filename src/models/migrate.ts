import type { Logger } from '../platform/logging/logger.js';
import type { Models } from './index.js';

/** The models that own a collection with indexes. */
function owners(models: Models) {
  const { users, sessions, logins, knownDevices, trustedDevices, chats, members, messages, nodes, jobs } =
    models;
  const { relations, blocks, notifications } = models;
  return [
    ...[users.model, sessions.model, logins.model, knownDevices.model, trustedDevices.model],
    ...[chats.model, members.model, messages.model, nodes.model, jobs.model],
    ...[relations.model, blocks.model, notifications.model],
  ] as const;
}

/** Makes what is missing of collections and indexes; drops and changes nothing, and may be repeated at any time. */
export async function migrate(models: Models, logger: Logger): Promise<void> {
  for (const model of owners(models)) {
    await model.createCollection();
    await model.createIndexes();
  }
  logger.debug('indexes are in place');
}

/** Names of indexes that are declared and absent: without the unique ones the guarantees do not hold. */
export async function missingIndexes(models: Models): Promise<string[]> {
  const missing: string[] = [];
  for (const model of owners(models)) {
    const { toCreate } = await model
      .diffIndexes({ indexOptionsToCreate: true })
      .catch(() => ({ toCreate: ['all'] }));
    for (const index of toCreate)
      missing.push(`${model.collection.collectionName}: ${JSON.stringify(index)}`);
  }
  return missing;
}
