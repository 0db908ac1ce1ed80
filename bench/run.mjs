/**
 * Runs benchmarks: `npm run bench -- [name …] [--quick] [--rounds N] [--json file]`; see README.md.
 * Exit code 0 whatever the figures are; 1 when something broke or a message was lost or heard twice.
 */
import { parseArgs } from 'node:util';
import { createReport } from './lib/report.mjs';
import { openStage } from './lib/stage.mjs';

const BENCHMARKS = ['pairs', 'groups', 'idle', 'history', 'rest', 'register'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    json: { type: 'string' },
    controls: { type: 'boolean', default: false },
    'cpu-prof': { type: 'string' },
    'mongo-uri': { type: 'string' },
    'mongo-pid': { type: 'string' },
  },
});
const names = positionals.length > 0 ? positionals : BENCHMARKS;
const unknown = names.filter((name) => !BENCHMARKS.includes(name));
if (unknown.length > 0) {
  console.error(`No benchmark ${unknown.join(', ')}; there are ${BENCHMARKS.join(', ')}.`);
  process.exit(1);
}

const report = createReport();
for (const name of names) await runOne(name);
if (values.json !== undefined) await report.save(values.json);
process.exitCode = report.isBroken() ? 1 : 0;

/** Each benchmark has a stage of its own: nothing of one lives on in the next. */
async function runOne(name) {
  const { run } = await import(`./benchmarks/${name}.mjs`);
  const stage = await openStage({
    mongoUri: values['mongo-uri'],
    mongoPid: values['mongo-pid'] === undefined ? undefined : Number(values['mongo-pid']),
    profileFolder: values['cpu-prof'],
  });
  try {
    await run({
      rounds: Number(values.rounds ?? (values.quick ? 2 : 5)),
      quick: values.quick,
      controlsOnly: values.controls,
      stage,
      report,
    });
  } catch (error) {
    report.broken(`${name}: ${error.stack}`);
  } finally {
    await stage.close();
  }
}
