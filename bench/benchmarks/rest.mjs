/** POST /api/messages against bare Express 5, over keep-alive connections. */
import { checkEndings, interleave, measure, REHEARSALS } from '../lib/measure.mjs';
import { ratios, spread } from '../lib/numbers.mjs';
import { makeScene, startParley } from '../lib/parley.mjs';
import { hexId } from '../reference/message-shape.mjs';

const PEOPLE = 50;
const DATABASE = 'bench_rest';
const PATH = '/api/messages';
const layout = {
  count: PEOPLE,
  chats: Array.from({ length: PEOPLE / 2 }, (_, chat) => [chat * 2, chat * 2 + 1]),
};
const range = Array.from({ length: PEOPLE }, (_, index) => index);

export async function run({ rounds, quick, controlsOnly, stage, report }) {
  const time = quick ? { warmupSeconds: 1, seconds: 2 } : { warmupSeconds: 2, seconds: 5 };
  const contenders = [await bareExpress(stage), await bareExpressInsert(stage)];
  if (!controlsOnly) contenders.push(await parley(stage));
  const ask = (contender) => measure(contender, { op: 'ask', ...time });
  const results = await interleave(rounds, contenders, ask, REHEARSALS);
  checkEndings(report, results);

  const cell = (figures, pick, digits) => spread(figures.map(pick), digits);
  report.table({
    title: `rest: POST ${PATH}, ${PEOPLE} connections, each asks as soon as it is answered`,
    columns: [
      '',
      'requests/s',
      'server µs',
      'database µs',
      'client µs',
      'p50 ms',
      'p99 ms',
      'loop p99',
      'bytes',
    ],
    rows: [...results].map(([name, figures]) => [
      name,
      cell(figures, ({ perSecond }) => perSecond),
      cell(figures, ({ serverCpu }) => serverCpu),
      cell(figures, ({ databaseCpu }) => databaseCpu),
      cell(figures, ({ loadCpu }) => loadCpu),
      cell(figures, ({ toAck }) => toAck.p50, 1),
      cell(figures, ({ toAck }) => toAck.p99, 1),
      cell(figures, ({ loopP99 }) => loopP99, 1),
      cell([figures.at(-1)], ({ ackBytes }) => ackBytes),
    ]),
  });
  if (controlsOnly) return;
  const cpu = (name) => results.get(name).map(({ serverCpu }) => serverCpu);
  report.verdict('Parley CPU / bare Express CPU', ratios(cpu('Parley'), cpu('bare Express')), { atMost: 2 });
}

async function bareExpress(stage) {
  const server = await stage.startServer({ name: 'bare-express', file: 'reference/bare-express.mjs' });
  return { name: 'bare Express', ...(await bareAskers(stage, server)), databasePid: null };
}

async function bareExpressInsert(stage) {
  const engine = await stage.getEngine();
  const args = ['--mongo', engine.uriFor(`${DATABASE}_bare`)];
  const server = await stage.startServer({
    name: 'bare-express-insert',
    file: 'reference/bare-express.mjs',
    args,
  });
  return { name: 'Express + insert', ...(await bareAskers(stage, server)), databasePid: engine.pid };
}

function bareAskers(stage, server) {
  return withLoad(
    stage,
    server,
    range.map((index) => ({ method: 'POST', path: PATH, chatId: hexId(index >> 1) })),
  );
}

async function parley(stage) {
  const { tokens, chatIds } = await makeScene(stage, { database: DATABASE, ...layout });
  const server = await startParley(stage, { database: DATABASE });
  const askers = range.map((index) => ({
    method: 'POST',
    path: PATH,
    token: tokens[index],
    chatId: chatIds[index >> 1],
  }));
  return { name: 'Parley', ...(await withLoad(stage, server, askers)), databasePid: server.databasePid };
}

async function withLoad(stage, server, askers) {
  const load = stage.startLoad(server.name);
  await load.call('prepareAsk', { target: server.target, askers });
  return { server, load };
}
