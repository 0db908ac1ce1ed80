type Listener = (message: string) => void;

/** Publish and subscribe within the process: delivered in order, after the publisher's present turn. */
export type MemoryBus = {
  publish(channel: string, message: string): void;
  subscribe(channel: string, listener: Listener): () => Promise<void>;
  has(channel: string): boolean;
  close(): void;
};

export function memoryBus(): MemoryBus {
  const channels = new Map<string, Set<Listener>>();
  return {
    publish: (channel, message) => {
      if (!channels.has(channel)) return;
      queueMicrotask(() => {
        const listeners = channels.get(channel);
        if (listeners !== undefined) for (const listener of listeners) listener(message);
      });
    },
    subscribe: (channel, listener) => {
      // A wrapper of its own, so that the same function may listen twice and each ends its own subscription.
      const own: Listener = (message) => {
        listener(message);
      };
      const listeners = channels.get(channel) ?? new Set();
      channels.set(channel, listeners.add(own));
      return async () => {
        listeners.delete(own);
        if (listeners.size === 0 && channels.get(channel) === listeners) channels.delete(channel);
      };
    },
    has: (channel) => channels.has(channel),
    close: () => {
      channels.clear();
    },
  };
}
