import type { Logger } from '../logging/logger.js';
import type { RedisConnections } from '../redis/connect.js';
import type { RedisConfig } from '../redis/redis-url.js';
import type { KeyStore } from './key-store.js';
import { openMemoryKeyStore } from './memory-key-store.js';
import { openRedisKeyStore } from './redis-key-store.js';

/** `connections` makes further connections to the same Redis (Socket.IO adapter, queue); null in memory. */
export type OpenedKeyStore = KeyStore & { readonly connections: RedisConnections | null };

/** The key store on Redis, or in this process's memory where there is no Redis. Rejects as `openRedisKeyStore` does. */
export async function openKeyStore(options: {
  redis: RedisConfig | null;
  keyPrefix: string;
  logger: Logger;
}): Promise<OpenedKeyStore> {
  const { redis, keyPrefix, logger } = options;
  if (redis === null) return { ...openMemoryKeyStore(), connections: null };
  return openRedisKeyStore({ redis, keyPrefix, logger });
}
