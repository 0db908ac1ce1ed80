/** The table of a socket benchmark. */
import { spread } from './numbers.mjs';

const columns = {
  'messages/s': ({ perSecond }) => perSecond,
  'server µs': ({ serverCpu }) => serverCpu,
  'database µs': ({ databaseCpu }) => databaseCpu,
  'client µs': ({ loadCpu }) => loadCpu,
};
const latencies = {
  'ack p50 ms': ({ toAck }) => toAck.p50,
  'ack p99': ({ toAck }) => toAck.p99,
  'ack p99.9': ({ toAck }) => toAck.p999,
  'heard p50': ({ toDelivery }) => toDelivery.p50,
  'heard p99': ({ toDelivery }) => toDelivery.p99,
  'loop p99': ({ loopP99 }) => loopP99,
};
const sizes = {
  'ack bytes': ({ ackBytes }) => ackBytes,
  'delivery bytes': ({ deliveryBytes }) => deliveryBytes,
};

/** CPU is per acknowledged message; figures are the median of the rounds with their range. */
export function talkTable(title, results) {
  const cells = ([name, rounds]) => [
    name,
    ...Object.values(columns).map((pick) => spread(rounds.map(pick))),
    ...Object.values(latencies).map((pick) => spread(rounds.map(pick), 1)),
    ...Object.values(sizes).map((pick) => spread([rounds.at(-1)].map(pick))),
  ];
  return {
    title,
    columns: ['', ...Object.keys(columns), ...Object.keys(latencies), ...Object.keys(sizes)],
    rows: [...results].map(cells),
  };
}
