import type { Logger } from '../logging/logger.js';

/** Lost nodes that fell to this node to clean up after. */
export type LostNodes = {
  add(nodeIds: readonly string[]): void;
  /** Tries again what failed. */
  retry(): void;
  /** The node was heard of again: no clean-up will be repeated behind its back. */
  isBack(nodeId: string): void;
};

const mostAttempts = 5;

/** `onLost` answers whether it is done; if not it is asked again at `retry`, five times in all. */
export function createLostNodes(deps: {
  logger: Logger;
  onLost: (nodeId: string) => Promise<boolean>;
}): LostNodes {
  const waiting = new Map<string, number>();
  const underWay = new Set<string>();

  const attempt = async (nodeId: string, attempts: number): Promise<void> => {
    underWay.add(nodeId);
    const done = await deps.onLost(nodeId);
    underWay.delete(nodeId);
    if (done || attempts >= mostAttempts) waiting.delete(nodeId);
    else if (waiting.has(nodeId)) waiting.set(nodeId, attempts + 1);
  };
  const retry = (): void => {
    for (const [nodeId, attempts] of waiting) if (!underWay.has(nodeId)) void attempt(nodeId, attempts);
  };

  return {
    retry,
    add: (nodeIds) => {
      deps.logger.warn('Nodes were lost without a goodbye', { nodes: nodeIds });
      for (const nodeId of nodeIds) waiting.set(nodeId, 1);
      retry();
    },
    isBack: (nodeId) => {
      waiting.delete(nodeId);
    },
  };
}
