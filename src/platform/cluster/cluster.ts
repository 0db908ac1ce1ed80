import { randomBytes } from 'node:crypto';
import type { KeyStore } from '../keystore/key-store.js';
import type { Logger } from '../logging/logger.js';
import { createNodeBus, type RejoinReason } from './node-bus.js';
import { createTopics, runAll, type JsonValue, type TopicHandler } from './topics.js';

export type { RejoinReason } from './node-bus.js';

/** This node among the nodes of the deployment: who lives, and how to tell them. */
export type Cluster = {
  /** Random per process start. */
  readonly nodeId: string;
  readonly nodeName: string;
  /** Ids of nodes with a live lease, this one included; at most a second old. Rejects UNAVAILABLE without the store. */
  liveNodes(): Promise<ReadonlySet<string>>;
  /**
   * Runs every live node's handlers of `topic`, this one's included, and resolves when all have finished. A node that
   * does not answer in time (2 s) is passed over and logged. Rejects UNAVAILABLE only if the message could not be
   * published at all; the local handlers have run then all the same. A handler that throws is logged there and counts
   * as finished.
   */
  tellAll(topic: string, payload: JsonValue): Promise<void>;
  /** Fire and forget, to the other nodes and this one. */
  tell(topic: string, payload: JsonValue): void;
  on(topic: string, handler: TopicHandler): void;
  /**
   * Called on exactly one surviving node for each node whose lease ran out without a goodbye. A handler that rejects
   * is called again at the next heartbeats, five times in all, so it must bear repetition.
   */
  onNodeLost(handler: (nodeId: string) => Promise<void>): void;
  /** Called when this node may have missed messages: drop what they keep fresh. */
  onRejoined(handler: (reason: RejoinReason) => void | Promise<void>): void;
  /** Rejects UNAVAILABLE when the store is out of reach. Until then, and after `close`, only local handlers are told. */
  start(): Promise<void>;
  /** Says goodbye: the lease is given back and nobody will call this node lost. */
  close(): Promise<void>;
};

export type ClusterOptions = {
  keyStore: KeyStore;
  logger: Logger;
  /** For people: NODE_NAME, or host and process id. */
  nodeName: string;
  leaseMs?: number;
  heartbeatMs?: number;
  /** How long `tellAll` waits for the others. */
  answerTimeoutMs?: number;
};

/** With a key store in memory there are no other nodes, and telling costs a function call. */
export function createCluster(options: ClusterOptions): Cluster {
  const { keyStore, nodeName, leaseMs = 15_000, heartbeatMs = 5_000, answerTimeoutMs = 2_000 } = options;
  const nodeId = randomBytes(9).toString('base64url');
  const logger = options.logger.child({ node: nodeName });
  const topics = createTopics(logger);
  const lostHandlers: ((nodeId: string) => Promise<void>)[] = [];
  const rejoinHandlers: ((reason: RejoinReason) => void | Promise<void>)[] = [];

  const registration = {
    nodeId,
    nodeName,
    on: topics.on,
    onNodeLost: (handler: (nodeId: string) => Promise<void>): void => {
      lostHandlers.push(handler);
    },
    onRejoined: (handler: (reason: RejoinReason) => void | Promise<void>): void => {
      rejoinHandlers.push(handler);
    },
  };

  if (keyStore.kind === 'memory') {
    const alone: ReadonlySet<string> = new Set([nodeId]);
    return {
      ...registration,
      liveNodes: async () => alone,
      tellAll: topics.run,
      tell: (topic, payload) => void topics.run(topic, payload),
      start: async () => undefined,
      close: async () => undefined,
    };
  }

  const bus = createNodeBus({
    keyStore,
    logger,
    topics,
    self: { nodeId, nodeName },
    times: { leaseMs, heartbeatMs, answerTimeoutMs },
    onLost: (lostId) =>
      runAll(
        lostHandlers,
        (handler) => handler(lostId),
        (cause) => {
          logger.error('Cleaning up after a lost node failed', { lostId, cause });
        },
      ),
    onRejoined: async (reason) => {
      logger.warn('This node may have missed messages of the others', { reason });
      await runAll(
        rejoinHandlers,
        async (handler) => handler(reason),
        (cause) => {
          logger.error('A rejoin handler failed', { reason, cause });
        },
      );
    },
  });

  return {
    ...registration,
    liveNodes: bus.liveNodes,
    start: bus.start,
    close: bus.close,
    tell: (topic, payload) => {
      void topics.run(topic, payload);
      bus.tellOthers(topic, payload);
    },
    tellAll: async (topic, payload) => {
      // Both must have finished, whatever becomes of the other.
      const [, others] = await Promise.allSettled([
        topics.run(topic, payload),
        bus.askOthers(topic, payload),
      ]);
      if (others.status === 'rejected') throw others.reason;
    },
  };
}
