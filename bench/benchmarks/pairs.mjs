/** 200 people in 100 direct chats: what a message costs, how many go through, how long they take at half of that. */
import { checkEndings, interleave, measure, REHEARSALS } from '../lib/measure.mjs';
import { median, ratios } from '../lib/numbers.mjs';
import { bareInsert, bareSocketio, parley } from '../lib/talkers.mjs';
import { talkTable } from '../lib/talk-table.mjs';

const PEOPLE = 200;
const layout = {
  count: PEOPLE,
  chats: Array.from({ length: PEOPLE / 2 }, (_, chat) => [chat * 2, chat * 2 + 1]),
};
const senders = Array.from({ length: PEOPLE }, (_, index) => index);
const DATABASE = 'bench_pairs';

export async function run({ rounds, quick, controlsOnly, stage, report }) {
  const time = quick ? { warmupSeconds: 1, seconds: 2 } : { warmupSeconds: 2, seconds: 6 };
  const contenders = [await bareSocketio(stage, layout), await bareInsert(stage, layout, DATABASE)];
  if (!controlsOnly) contenders.push(await parley(stage, layout, DATABASE));

  const talk = (contender) => measure(contender, { op: 'talkClosed', args: { senders }, ...time });
  const closed = await interleave(rounds, contenders, talk, REHEARSALS);
  checkEndings(report, closed);
  report.table(talkTable('pairs: 100 direct chats, everybody sends as soon as he is answered', closed));
  const of = (name, pick) => closed.get(name).map(pick);
  if (!controlsOnly) {
    const cpu = ({ serverCpu }) => serverCpu;
    const speed = ({ perSecond }) => perSecond;
    report.verdict('Parley CPU / bare Socket.IO CPU', ratios(of('Parley', cpu), of('bare Socket.IO', cpu)), {
      atMost: 2,
    });
    report.verdict(
      'Parley messages/s / bare + insert',
      ratios(of('Parley', speed), of('bare + insert', speed)),
      {
        atLeast: 0.6,
      },
    );
  }

  const slowest = contenders.at(-1).name;
  const perSecond = Math.round(median(of(slowest, (round) => round.perSecond)) / 2);
  const open = await interleave(rounds, contenders, (contender) =>
    measure(contender, { op: 'talkOpen', args: { senders, perSecond }, ...time }),
  );
  checkEndings(report, open);
  report.table(talkTable(`pairs: a steady ${perSecond} messages/s, half of what ${slowest} can do`, open));
}
