import { channel } from '../keys/keys.js';
import type { KeyStore } from '../keystore/key-store.js';
import type { Logger } from '../logging/logger.js';
import { createLostNodes } from './lost-nodes.js';
import { createPeers } from './peers.js';
import { createQuestions, type Questions } from './questions.js';
import { createRegistry } from './registry.js';
import type { JsonValue, Topics } from './topics.js';
import { readAnswer, readWire, type Answer, type Wire } from './wire.js';

/**
 * Why a node must not trust what it remembers any longer:
 * - `lapsed`: its lease had ended (frozen, cut off, or the store came back empty). The others may have dealt with it
 *   as lost, so what it registered about itself may be gone too.
 * - `missed`: messages of another node did not arrive. Only what this bus keeps fresh (caches) is in doubt.
 */
export type RejoinReason = 'lapsed' | 'missed';

/** The part of a cluster that talks to other nodes, over pub/sub and leases of the key store. */
export type NodeBus = {
  liveNodes: () => Promise<ReadonlySet<string>>;
  tellOthers: (topic: string, payload: JsonValue) => void;
  /** Resolves when all other live nodes have run their handlers or were passed over. */
  askOthers: (topic: string, payload: JsonValue) => Promise<void>;
  start: () => Promise<void>;
  close: () => Promise<void>;
};

type Deps = {
  keyStore: KeyStore;
  logger: Logger;
  topics: Topics;
  self: { nodeId: string; nodeName: string };
  times: { leaseMs: number; heartbeatMs: number; answerTimeoutMs: number };
  /** Answers whether it is dealt with. */
  onLost: (nodeId: string) => Promise<boolean>;
  onRejoined: (reason: RejoinReason) => Promise<void>;
};

type Draft = Wire extends infer W ? (W extends Wire ? Omit<W, 'from' | 'seq'> : never) : never;

/**
 * Pub/sub is at most once, and a node whose subscription was down for a moment would go on with stale caches without
 * knowing. So everything is numbered per sender, heartbeats repeat the number, and a gap means "drop your caches".
 * The node hears its own messages as well: they are not handled again, but a gap among them tells the same.
 */
export function createNodeBus(deps: Deps): NodeBus {
  const { keyStore, logger, self, times, onLost } = deps;
  const { nodeId } = self;
  const peers = createPeers({ leaseMs: times.leaseMs, settleMs: 2 * times.heartbeatMs });
  const questions = createQuestions();
  const lost = createLostNodes({ logger, onLost });
  const rejoined = once(deps.onRejoined);
  const subscriptions: (() => Promise<void>)[] = [];
  let seq = 0;
  let running = false;

  const send = async (message: Draft): Promise<void> => {
    seq += 1;
    await keyStore.publish(channel.cluster, JSON.stringify({ ...message, from: nodeId, seq }));
  };
  const trySend = (message: Draft): Promise<void> =>
    send(message).catch((cause: unknown) => {
      logger.debug('A message to the other nodes was not sent', { kind: message.kind, cause });
    });

  const registry = createRegistry({
    keyStore,
    logger,
    nodeId,
    ...times,
    onBeat: () => {
      void trySend({ kind: 'beat', name: self.nodeName });
      lost.retry();
    },
    onLapsed: () => {
      rejoined('lapsed');
    },
    onEnded: (ids) => {
      ids.forEach(peers.forget);
      lost.add(ids);
    },
  });

  const onMessage = (text: string): void => {
    const message = readWire(text);
    if (message === null || !running) return;
    const { from } = message;
    if (!peers.heard(from, message.seq, 'name' in message ? message.name : undefined)) rejoined('missed');
    if (from === nodeId) return;
    lost.isBack(from);
    if (message.kind === 'bye') {
      peers.forget(from);
      questions.gone(from);
    } else if (message.kind === 'tell') {
      void handle(deps, message);
    }
  };

  const close = async (): Promise<void> => {
    await registry.close();
    if (running) await trySend({ kind: 'bye', name: self.nodeName });
    running = false;
    await Promise.allSettled(subscriptions.splice(0).map((end) => end()));
  };

  return {
    close,
    liveNodes: () => registry.liveNodes(),
    tellOthers: (topic, payload) => {
      if (running) void trySend({ kind: 'tell', topic, payload });
    },
    askOthers: async (topic, payload) => {
      if (!running) return;
      const question = questions.open();
      const [sent, live] = await Promise.allSettled([
        send({ kind: 'tell', topic, payload, ask: question.id }),
        registry.liveNodes('fresh'),
      ]);
      if (sent.status === 'rejected') {
        question.drop();
        throw sent.reason;
      }
      // The registry is short of nodes just after Redis came back empty: those heard of lately count too.
      const others = new Set([...(live.status === 'fulfilled' ? live.value : []), ...peers.recent()]);
      others.delete(nodeId);
      const silent = await question.answersOf(others, times.answerTimeoutMs);
      if (silent.length > 0) {
        logger.warn('Nodes did not answer and were passed over', { topic, nodes: silent.map(peers.nameOf) });
      }
    },
    start: async () => {
      try {
        subscriptions.push(await keyStore.subscribe(channel.cluster, onMessage));
        subscriptions.push(await keyStore.subscribe(channel.clusterReply(nodeId), answerTo(questions)));
        running = true;
        // Registered only now: whoever expects an answer of this node can be heard by it.
        await registry.start();
      } catch (error) {
        await close();
        throw error;
      }
      await trySend({ kind: 'beat', name: self.nodeName });
    },
  };
}

async function handle(deps: Deps, message: Extract<Wire, { kind: 'tell' }>): Promise<void> {
  const { keyStore, logger, topics, self } = deps;
  await topics.run(message.topic, message.payload);
  if (message.ask === undefined) return;
  const answer: Answer = { from: self.nodeId, ask: message.ask };
  await keyStore
    .publish(channel.clusterReply(message.from), JSON.stringify(answer))
    .catch((cause: unknown) => {
      logger.debug('An answer to another node was not sent', { topic: message.topic, cause });
    });
}

function answerTo(questions: Questions): (text: string) => void {
  return (text) => {
    const answer = readAnswer(text);
    if (answer !== null) questions.answer(answer.ask, answer.from);
  };
}

/** Many gaps are seen in one turn (one per peer): told once, the graver reason first. */
function once(tell: (reason: RejoinReason) => Promise<void>): (reason: RejoinReason) => void {
  let pending: RejoinReason | null = null;
  return (reason) => {
    if (pending === null) {
      setImmediate(() => {
        const told = pending ?? reason;
        pending = null;
        void tell(told);
      });
    }
    if (pending !== 'lapsed') pending = reason;
  };
}
