/** What an idle, authenticated connection costs in memory: how much 500 and 5,000 connections differ. */
import { setTimeout as sleep } from 'node:timers/promises';
import { interleave } from '../lib/measure.mjs';
import { ratios, spread } from '../lib/numbers.mjs';
import { makeScene, startParley } from '../lib/parley.mjs';
import { barePeople } from '../lib/talkers.mjs';

const DATABASE = 'bench_idle';
const SETTLE_MS = 1000;
const nodeArgs = ['--expose-gc'];

export async function run({ rounds, quick, controlsOnly, stage, report }) {
  const [few, many] = quick ? [200, 1200] : [500, 5000];
  const layout = { count: many, chats: [] };
  const contenders = [
    {
      name: 'bare Socket.IO',
      start: () =>
        stage.startServer({ name: 'bare-socketio', file: 'reference/bare-socketio.mjs', nodeArgs }),
      people: barePeople(layout),
    },
  ];
  if (!controlsOnly) {
    const { tokens } = await makeScene(stage, { database: DATABASE, ...layout });
    contenders.push({
      name: 'Parley',
      start: () => startParley(stage, { database: DATABASE, nodeArgs }),
      people: tokens.map((token) => ({ auth: { token } })),
      waitFor: 'connection:established',
    });
  }

  const weighOne = (contender) => weigh(stage, contender, { few, many });
  const results = await interleave(rounds, contenders, weighOne, 0);
  const cell = (figures, pick) => spread(figures.map(pick), 1);
  report.table({
    title: `idle: ${many} connections of ${many} people, KB each beyond the first ${few}, after a full collection`,
    columns: ['', 'resident KB', 'JS heap KB', 'external KB', 'seconds to open'],
    rows: [...results].map(([name, figures]) => [
      name,
      cell(figures, ({ rss }) => rss),
      cell(figures, ({ heapUsed }) => heapUsed),
      cell(figures, ({ external }) => external),
      cell(figures, ({ seconds }) => seconds),
    ]),
  });
  if (controlsOnly) return;
  for (const [label, kind] of [
    ['resident', 'rss'],
    ['JS heap', 'heapUsed'],
  ]) {
    const of = (name) => results.get(name).map((figures) => figures[kind]);
    report.verdict(`Parley ${label} / bare Socket.IO ${label}`, ratios(of('Parley'), of('bare Socket.IO')), {
      atMost: 1.2,
    });
  }
}

/** Kilobytes per connection between `few` and `many` of them, on a fresh server. */
async function weigh(stage, { start, people, waitFor }, { few, many }) {
  const server = await start();
  const target = { ...server.target, waitFor };
  const first = stage.startLoad('idle-few');
  await first.call('connect', { target, people: people.slice(0, few) });
  await sleep(SETTLE_MS);
  const before = await server.probe('memory');
  const second = stage.startLoad('idle-many');
  const { seconds } = await second.call('connect', { target, people: people.slice(few) });
  await sleep(SETTLE_MS);
  const after = await server.probe('memory');
  await Promise.all([first.stop(), second.stop()]);
  await server.stop();
  const each = (kind) => (after[kind] - before[kind]) / (many - few) / 1024;
  return { rss: each('rss'), heapUsed: each('heapUsed'), external: each('external'), seconds };
}
