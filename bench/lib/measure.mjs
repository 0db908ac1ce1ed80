/** One measured stretch, and stretches of several contenders in turn. */
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuMicroseconds } from './usage.mjs';

/** Rounds before the counted ones. */
export const REHEARSALS = 1;

/**
 * Runs every contender once a round, in turn (A B C A B C …), so that the machine's moods fall on all alike. Before
 * them `rehearsals` rounds that don't count, in which code is compiled and caches fill.
 * @template T
 * @returns {Promise<Map<string, T[]>>} by contender's name, one result a round
 */
export async function interleave(rounds, contenders, measureOne, rehearsals) {
  const results = new Map(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rehearsals; round++)
    for (const contender of contenders) await measureOne(contender);
  for (let round = 0; round < rounds; round++)
    for (const contender of contenders) results.get(contender.name).push(await measureOne(contender));
  return results;
}

/**
 * Has the load process do `op` for `warmupSeconds` and then for `seconds` that count.
 * @param {{ server: object, load: object, databasePid: number | null }} contender
 * @param {{ op: string, args?: object, warmupSeconds: number, seconds: number }} plan
 */
export async function measure({ server, load, databasePid }, { op, args, warmupSeconds, seconds }) {
  await load.call(op, args);
  await sleep(warmupSeconds * 1000);
  const warmup = await load.call('snapshot');
  await server.probe('reset');
  const before = cpuOf(server.pid, databasePid, load.pid);
  await sleep(seconds * 1000);
  const after = cpuOf(server.pid, databasePid, load.pid);
  const figures = await load.call('snapshot');
  const loop = await server.probe('loop');
  const ending = await load.call('stop');
  const last = await load.call('snapshot');

  const each = (name) => (after[name] === null ? null : (after[name] - before[name]) / figures.acked);
  return {
    perSecond: figures.acked / figures.seconds,
    serverCpu: each('server'),
    databaseCpu: each('database'),
    loadCpu: each('load'),
    loopP99: loop.p99,
    ackBytes: figures.ackBytes,
    deliveryBytes: figures.deliveryBytes,
    toAck: figures.toAck,
    toDelivery: figures.toDelivery,
    ending,
    errors: [warmup, figures, last].flatMap(({ errors }) => Object.entries(errors)),
  };
}

const cpuOf = (server, database, load) => ({
  server: cpuMicroseconds(server),
  database: cpuMicroseconds(database),
  load: cpuMicroseconds(load),
});

/** Reports what must not be in any of a contender's results. */
export function checkEndings(report, results) {
  for (const [name, rounds] of results)
    for (const { ending, errors } of rounds) {
      const { lost = 0, repeated = 0, strayed = 0, unanswered = 0 } = ending;
      if (lost + repeated + strayed + unanswered > 0)
        report.broken(
          `${name}: ${lost} lost, ${repeated} repeated, ${strayed} strayed, ${unanswered} unanswered`,
        );
      for (const [what, count] of errors) report.broken(`${name}: ${count} × ${what}`);
    }
}
