import type { RedisClient } from './connect.js';

/** Runs a script on one key, which also names the cluster node it runs on. */
export type Script = (key: string, ...values: (string | number)[]) => Promise<unknown>;

/**
 * Teaches `client` a Lua script: sent once per connection, then named by its SHA-1. One key per script, because in
 * Redis Cluster two keys may live on two servers.
 */
export function defineScript(client: RedisClient, name: string, lua: string): Script {
  client.defineCommand(name, { numberOfKeys: 1, lua });
  // ioredis adds the command as a method at run time, where its types can't follow.
  const command = (client as unknown as Record<string, Script>)[name];
  if (command === undefined) throw new Error(`ioredis did not define ${name}`);
  return (key, ...values) => command.call(client, key, ...values);
}
