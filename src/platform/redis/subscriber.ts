import type { Redis } from 'ioredis';
import type { Logger } from '../logging/logger.js';
import { reconnectDelay } from './connect.js';
import { within } from '../clock/within.js';
import { bareError } from './redis-errors.js';

type Listener = (message: string) => void;

export type Subscriber = {
  /** Resolves when the server has confirmed the subscription; rejects when it does not within `timeoutMs`. */
  subscribe(channel: string, listener: Listener): Promise<() => Promise<void>>;
  close(): void;
};

type Deps = {
  /** Makes a connection that does not connect or reconnect by itself. */
  open: () => Redis;
  logger: Logger;
  timeoutMs: number;
};

const pingEveryMs = 5_000;

/**
 * The one connection that listens. It keeps its own list of channels and subscribes again on each new connection,
 * because ioredis forgets them when a cluster node refuses, and because the next node may be another one.
 *
 * Invariant: `channels` is what is wanted; a connection becomes `current` only when it has all of it.
 */
export function createSubscriber({ open, logger, timeoutMs }: Deps): Subscriber {
  const channels = new Map<string, Set<Listener>>();
  const waiters = new Set<(client: Redis) => void>();
  let current: Redis | null = null;
  let trying: Redis | null = null;
  let attempts = 0;
  let retryTimer: NodeJS.Timeout | undefined;
  let closed = false;

  const connect = (): void => {
    const client = open();
    trying = client;
    client.on('message', (channel: string, message: string) => {
      const listeners = channels.get(channel);
      if (listeners !== undefined) for (const listener of listeners) listener(message);
    });
    client.once('end', () => {
      if (current === client) current = null;
      if (trying !== client || closed) return;
      if (attempts === 1) logger.warn('Redis is out of reach', { connection: 'subscriber' });
      retryTimer = setTimeout(connect, reconnectDelay(attempts));
    });
    attempts += 1;
    establish(client).catch((error: unknown) => {
      logger.debug('Subscribing to Redis failed', { reason: bareError(error).message });
      client.disconnect();
    });
  };

  const establish = async (client: Redis): Promise<void> => {
    await client.connect();
    const wanted = [...channels.keys()];
    if (wanted.length > 0) await client.subscribe(...wanted);
    if (attempts > 1) logger.info('Redis is back', { connection: 'subscriber' });
    attempts = 0;
    current = client;
    for (const wake of waiters) wake(client);
    waiters.clear();
    const unwanted = wanted.filter((channel) => !channels.has(channel));
    if (unwanted.length > 0) await client.unsubscribe(...unwanted);
  };

  const inForce = async (channel: string): Promise<void> => {
    const client = await connection();
    // Who waited too long has given up. Subscribing twice does no harm, and the answer proves that it is in force.
    if (channels.has(channel)) await client.subscribe(channel);
  };

  /** The connection in force, or the next one. */
  const connection = async (): Promise<Redis> => {
    if (closed) throw new Error('The connection to Redis was closed');
    if (current !== null) return current;
    let wake: (client: Redis) => void = () => undefined;
    const next = new Promise<Redis>((resolve) => (wake = resolve));
    waiters.add(wake);
    return next;
  };

  const remove = async (channel: string, listener: Listener): Promise<void> => {
    const listeners = channels.get(channel);
    if (listeners?.delete(listener) !== true || listeners.size > 0) return;
    channels.delete(channel);
    // Without a connection there is nothing to end: the next one subscribes to what is wanted then.
    await current?.unsubscribe(channel).catch(() => undefined);
  };

  connect();
  // A connection that only listens can't notice a peer that fell silent: an unanswered ping makes ioredis cut it.
  const pinger = setInterval(() => {
    current?.ping().catch(() => undefined);
  }, pingEveryMs);
  pinger.unref();

  return {
    subscribe: async (channel, listener) => {
      // A wrapper of its own, so that the same function may listen twice and each ends its own subscription.
      const own: Listener = (message) => {
        listener(message);
      };
      const listeners = channels.get(channel) ?? new Set();
      channels.set(channel, listeners.add(own));
      try {
        await within(inForce(channel), timeoutMs, 'Redis');
      } catch (error) {
        await remove(channel, own);
        throw error;
      }
      return () => remove(channel, own);
    },
    close: () => {
      closed = true;
      clearInterval(pinger);
      clearTimeout(retryTimer);
      trying?.disconnect();
    },
  };
}
