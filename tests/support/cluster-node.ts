/** A node of a cluster as a process of its own, to be frozen and killed: `node --import tsx cluster-node.ts <redis url> <lease ms>`. */
import { createCluster } from '../../src/platform/cluster/cluster.js';
import { openRedisKeyStore } from '../../src/platform/keystore/redis-key-store.js';
import { silentLogger } from '../../src/platform/logging/logger.js';

const [, , url = '', leaseMs = ''] = process.argv;
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const keyStore = await openRedisKeyStore({ redis: { url }, keyPrefix: '', logger: silentLogger });
const cluster = createCluster({
  keyStore,
  logger: silentLogger,
  nodeName: 'child',
  leaseMs: Number(leaseMs),
  heartbeatMs: Number(leaseMs) / 5,
});
cluster.on('news', (payload) => say(`heard ${JSON.stringify(payload)}`));
cluster.onRejoined((reason) => say(`rejoined ${reason}`));
await cluster.start();
say(`started ${cluster.nodeId}`);
