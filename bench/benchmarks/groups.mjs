/** 4 groups of 50, some of each talking: what a message to 49 listeners costs, in a calm and in a lively chat. */
import { checkEndings, interleave, measure, REHEARSALS } from '../lib/measure.mjs';
import { ratios } from '../lib/numbers.mjs';
import { bareInsert, bareSocketio, parley } from '../lib/talkers.mjs';
import { talkTable } from '../lib/talk-table.mjs';

const GROUPS = 4;
const MEMBERS = 50;
const TALKING = [2, 5];
const DATABASE = 'bench_groups';
const range = (from, count) => Array.from({ length: count }, (_, index) => from + index);
const chats = range(0, GROUPS).map((group) => range(group * MEMBERS, MEMBERS));
const layout = { count: GROUPS * MEMBERS, chats };

export async function run({ rounds, quick, controlsOnly, stage, report }) {
  const time = quick ? { warmupSeconds: 1, seconds: 2 } : { warmupSeconds: 2, seconds: 5 };
  const contenders = [await bareSocketio(stage, layout), await bareInsert(stage, layout, DATABASE)];
  if (!controlsOnly) contenders.push(await parley(stage, layout, DATABASE));

  for (const talking of TALKING) {
    const senders = chats.flatMap((members) => members.slice(0, talking));
    const talk = (contender) => measure(contender, { op: 'talkClosed', args: { senders }, ...time });
    const results = await interleave(rounds, contenders, talk, REHEARSALS);
    checkEndings(report, results);
    report.table(
      talkTable(`groups: 4 groups of 50, ${talking} talking in each as soon as they are answered`, results),
    );
    if (controlsOnly) continue;
    const cpu = (name) => results.get(name).map(({ serverCpu }) => serverCpu);
    report.verdict(
      `Parley CPU / bare Socket.IO CPU, ${talking} talking`,
      ratios(cpu('Parley'), cpu('bare Socket.IO')),
      { atMost: 1.4 },
    );
  }
}
