/** What a stretch of load came to; shared by the socket and the HTTP loops. */
import { createHistogram } from './histogram.mjs';

export function createTally() {
  const toAck = createHistogram();
  const toDelivery = createHistogram();
  let since = performance.now();
  const zero = { sent: 0, acked: 0, delivered: 0, ackBytes: 0, deliveryBytes: 0 };
  const tally = {
    ...zero,
    toAck,
    toDelivery,
    /** Refusals and breaks, by what they said. */
    errors: {},

    fail: (what) => {
      tally.errors[what] = (tally.errors[what] ?? 0) + 1;
    },

    /** Figures since the last call; starts anew. Bytes are averages of one packet. */
    snapshot: () => {
      const now = performance.now();
      const figures = {
        seconds: (now - since) / 1000,
        sent: tally.sent,
        acked: tally.acked,
        delivered: tally.delivered,
        ackBytes: Math.round(tally.ackBytes / Math.max(1, tally.acked)),
        deliveryBytes: Math.round(tally.deliveryBytes / Math.max(1, tally.delivered)),
        toAck: toAck.summary(),
        toDelivery: toDelivery.summary(),
        errors: tally.errors,
      };
      Object.assign(tally, zero, { errors: {} });
      toAck.reset();
      toDelivery.reset();
      since = now;
      return figures;
    },
  };
  return tally;
}
