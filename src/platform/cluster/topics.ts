import type { Logger } from '../logging/logger.js';

/** What may travel between nodes. */
export type JsonValue =
  string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export type TopicHandler = (payload: JsonValue) => void | Promise<void>;

/** This node's handlers by topic. */
export type Topics = {
  on: (topic: string, handler: TopicHandler) => void;
  /** Resolves when all handlers have finished. Never rejects: a handler that fails is logged and counts as finished. */
  run: (topic: string, payload: JsonValue) => Promise<void>;
};

export function createTopics(logger: Logger): Topics {
  const handlers = new Map<string, TopicHandler[]>();
  return {
    on: (topic, handler) => {
      handlers.set(topic, [...(handlers.get(topic) ?? []), handler]);
    },
    run: async (topic, payload) => {
      await runAll(
        handlers.get(topic) ?? [],
        async (handler) => handler(payload),
        (cause) => {
          logger.error('A cluster handler failed', { topic, cause });
        },
      );
    },
  };
}

/** Starts all at once and waits for all; failures go to `failed`. Answers whether none failed. */
export async function runAll<H>(
  handlers: readonly H[],
  run: (handler: H) => Promise<void>,
  failed: (cause: unknown) => void,
): Promise<boolean> {
  const results = await Promise.allSettled(handlers.map(run));
  const causes = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  );
  causes.forEach(failed);
  return causes.length === 0;
}
