/**
 * Loaded into every server under test (`node --import`), references and Parley alike: answers the runner's questions
 * about the inside of the process over IPC. `{ probe, id }` → `{ probeAnswer: id, … }`.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 10;
const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delays.enable();

const probes = {
  reset: () => {
    delays.reset();
    return {};
  },
  /** How much later than asked a timer ran, 99th percentile, in milliseconds. */
  loop: () => ({ p99: Math.max(0, delays.percentile(99) / 1e6 - RESOLUTION_MS) }),
  /** Bytes after a full collection; needs --expose-gc. */
  memory: () => {
    for (let times = 0; times < 3; times++) globalThis.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    return { rss, heapUsed, external };
  },
};

process.on('message', (message) => {
  const probe = probes[message?.probe];
  if (probe !== undefined) process.send({ probeAnswer: message.id, ...probe() });
});
process.channel?.unref();
