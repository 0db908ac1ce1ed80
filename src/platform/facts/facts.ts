import type { Logger } from '../logging/logger.js';

/**
 * What happened, told after the write. The writer does not know who listens: fan-out, caches and jobs subscribe.
 * Delivery is synchronous and in order of publication; a listener that fails is logged and hurts nobody else.
 */
export type Facts<Map extends Record<string, unknown>> = {
  publish<K extends keyof Map & string>(name: K, fact: Map[K]): void;
  on<K extends keyof Map & string>(name: K, listener: (fact: Map[K]) => void | Promise<void>): void;
};

export function createFacts<Map extends Record<string, unknown>>(logger: Logger): Facts<Map> {
  const listeners = new globalThis.Map<string, ((fact: unknown) => void | Promise<void>)[]>();
  const failed = (name: string, error: unknown): void =>
    logger.error('a listener failed', { fact: name, error });

  return {
    publish: (name, fact) => {
      for (const listener of listeners.get(name) ?? []) {
        try {
          const pending = listener(fact);
          if (pending instanceof Promise) pending.catch((error: unknown) => failed(name, error));
        } catch (error) {
          failed(name, error);
        }
      }
    },
    on: (name, listener) => {
      const list = listeners.get(name) ?? [];
      list.push(listener as (fact: unknown) => void | Promise<void>);
      listeners.set(name, list);
    },
  };
}
