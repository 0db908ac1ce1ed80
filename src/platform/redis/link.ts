import { reconnectDelay, type RedisClient } from './connect.js';

/** Whether a connection can be used now, and how long it is worth waiting when it can't. */
export type Link = {
  isReady(): boolean;
  /**
   * Resolves when the connection is ready. Rejects once the outage has lasted `graceMs`, and from then on at once: a
   * blink of the network costs callers a moment, a real outage costs them nothing but the answer "no".
   */
  whenReady(): Promise<void>;
  /** Ends the waiting: everything rejects from now on. */
  close(): void;
};

const closedMessage = 'The connection to Redis was closed';

/** Follows `client`. `startMs` is the patience until its first connection. */
export function linkTo(
  client: RedisClient,
  { graceMs, startMs }: { graceMs: number; startMs: number },
): Link {
  let closed = false;
  let waiting: Promise<void> | null = null;
  let giveUpAt = performance.now() + startMs;
  let lastError = 'Redis is out of reach';
  client.on('error', (error: unknown) => {
    if (error instanceof Error) lastError = error.message;
  });
  // `close` comes again with every failed attempt: only the one after `ready` begins an outage.
  let wasReady = client.status === 'ready';
  client.on('ready', () => {
    wasReady = true;
  });
  client.on('close', () => {
    if (wasReady) giveUpAt = performance.now() + graceMs;
    wasReady = false;
  });
  client.on('end', () => {
    // ioredis gives up for good when it is told to reconnect in the very moment it connects.
    if (!closed) setTimeout(() => void client.connect().catch(() => undefined), reconnectDelay(5)).unref();
  });

  const wait = (leftMs: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const end = (error?: Error): void => {
        clearTimeout(timer);
        client.off('ready', onReady);
        client.off('end', onEnd);
        waiting = null;
        if (error === undefined) resolve();
        else reject(error);
      };
      const onReady = (): void => {
        end();
      };
      const onEnd = (): void => {
        if (closed) end(new Error(closedMessage));
      };
      const timer = setTimeout(() => {
        end(new Error(lastError));
      }, leftMs);
      client.on('ready', onReady);
      client.on('end', onEnd);
    });

  return {
    isReady: () => client.status === 'ready' && !closed,
    whenReady: async () => {
      if (closed) throw new Error(closedMessage);
      if (client.status === 'ready') return;
      const leftMs = giveUpAt - performance.now();
      // `wasReady` still true: the connection broke in this very turn and `close` has not been told yet.
      if (leftMs <= 0 && !wasReady) throw new Error(lastError);
      waiting ??= wait(wasReady ? graceMs : leftMs);
      await waiting;
    },
    close: () => {
      closed = true;
    },
  };
}
