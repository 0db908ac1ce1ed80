import type { Findings, ObserverFindings } from './check.js';

/** All figures of a replay. */
export type Figures = Findings & {
  log: string;
  nodes: string[];
  window: number;
  users: number;
  nicks: number;
  lines: number;
  blank: number;
  replies: number;
  /** Further links of lines that answer several: a message has one reply link. */
  furtherLinks: number;
  otherEncoding: number;
  sent: number;
  acknowledged: number;
  refused: string[];
  repeated: number;
  /** Milliseconds from send to delivery, at the observers that stayed. */
  latency: { deliveries: number; p50: number; p95: number; p99: number };
  elapsedSeconds: number;
  waits: { count: number; seconds: number };
  messagesPerSecond: number;
};

/** The value that this part of all values does not exceed; 0 when there are none. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0;
}

const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);

/** What is wrong, each in one line; none: the replay is a success. */
export function faultsOf(figures: Figures): string[] {
  const { observers } = figures;
  const wrong: [number, string][] = [
    [figures.sent - figures.acknowledged, 'sent and not acknowledged'],
    [figures.lost, 'acknowledged and lost'],
    [figures.duplicates + sum(observers.map((it) => it.duplicates)), 'duplicates'],
    [sum(observers.map((it) => it.missing)), 'missing at observers'],
    [figures.outOfOrder + sum(observers.map((it) => it.outOfOrder)), 'out of order'],
    [figures.textsDiffering, 'texts changed'],
    [figures.repliesDiffering, 'wrong reply links'],
    [figures.sendersDiffering, 'wrong senders'],
    [figures.gaps, 'gaps in seq'],
    [figures.nodesDiffering, 'nodes that tell another history'],
    [sum(observers.map((it) => it.differing)), 'differences between observers and history'],
  ];
  return wrong.filter(([count]) => count !== 0).map(([count, what]) => `${count} ${what}`);
}

export function reportText(figures: Figures): string {
  const { latency, waits } = figures;
  const faults = faultsOf(figures);
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  const rows: [string, string][] = [
    [
      'users',
      `${figures.users} (${figures.nicks} nicks, the channel, ${figures.observers.length} observers)`,
    ],
    ['lines sent', `${figures.sent} of ${figures.lines}${blankNote(figures)}, ${figures.replies} as replies`],
    [
      'acknowledged',
      `${figures.acknowledged}${figures.repeated > 0 ? `, ${figures.repeated} sent again` : ''}`,
    ],
    ['history by REST', historyNote(figures)],
    ['send to delivery', `p50 ${ms(latency.p50)}, p95 ${ms(latency.p95)}, p99 ${ms(latency.p99)}`],
    ['', `(${latency.deliveries} deliveries to the observers that stayed)`],
    ['messages per second', `${figures.messagesPerSecond.toFixed(0)} (${paceNote(figures)})`],
  ];
  if (waits.count > 0)
    rows.push([
      'waits',
      `${waits.count} of ${waits.seconds} s together, which the server's limits asked for`,
    ]);
  return [
    `Replay of ${figures.log} on ${figures.nodes.join(', ')}`,
    '',
    ...rows.map(([name, value]) => `  ${name.padEnd(20)} ${value}`),
    '',
    ...observerTable(figures.observers),
    '',
    ...figures.refused.map((text) => `  refused: ${text}`),
    ...figures.examples.map((text) => `  ${text}`),
    faults.length === 0
      ? 'OK: nothing lost, nothing twice, nothing out of order.'
      : `FAILED: ${faults.join(', ')}.`,
  ].join('\n');
}

function blankNote({ blank }: Figures): string {
  return blank > 0 ? ` (${blank} are empty)` : '';
}

function historyNote(figures: Figures): string {
  const { history, firstSeq, lastSeq, gaps, textsDiffering, repliesDiffering } = figures;
  const whole = gaps === 0 ? 'without a gap' : `with ${gaps} gaps`;
  const texts = textsDiffering === 0 ? 'texts identical' : `${textsDiffering} texts changed`;
  const replies = repliesDiffering === 0 ? 'replies linked' : `${repliesDiffering} reply links wrong`;
  return `${history}, seq ${firstSeq}–${lastSeq} ${whole}, ${texts}, ${replies}`;
}

function paceNote({ elapsedSeconds, window, waits }: Figures): string {
  const pure = window === 1 && waits.count > 0 ? ', without the waits' : '';
  return `${window === 1 ? 'one at a time' : `${window} at a time`}; ${elapsedSeconds.toFixed(1)} s in all${pure}`;
}

function observerTable(observers: readonly ObserverFindings[]): string[] {
  const head = [
    'observer',
    'delivered',
    'live',
    'by sync',
    'duplicates',
    'missing',
    'out of order',
    'overtaken',
    'left',
  ];
  const rows = observers.map((it) => [
    it.name,
    ...[
      it.delivered,
      it.live,
      it.bySync,
      it.duplicates,
      it.missing,
      it.outOfOrder,
      it.overtaken,
      it.leaves + it.lost,
    ],
  ]);
  return [head, ...rows].map((cells) => {
    const [name, ...figures] = cells.map(String);
    const columns = figures.map((figure, index) => figure.padStart((head[index + 1] ?? '').length));
    return `  ${(name ?? '').padEnd(12)} ${columns.join('  ')}`;
  });
}
