/** The newest page of a chat with 200,000 messages against one with 1,000: history must not cost by its length. */
import { MongoClient, ObjectId } from 'mongodb';
import { fillChat } from '../lib/fill-chat.mjs';
import { checkEndings, interleave, measure, REHEARSALS } from '../lib/measure.mjs';
import { ratios, spread } from '../lib/numbers.mjs';
import { createCaller, makeScene, startParley } from '../lib/parley.mjs';

const DATABASE = 'bench_history';
const SHORT = 1000;
const LONG = 200_000;
const CONNECTIONS = 4;
const layout = {
  count: 3,
  chats: [
    [0, 1],
    [0, 2],
  ],
};

export async function run({ rounds, quick, controlsOnly, stage, report }) {
  if (controlsOnly) return;
  const time = quick ? { warmupSeconds: 1, seconds: 2 } : { warmupSeconds: 1, seconds: 3 };
  const counts = [SHORT, quick ? LONG / 10 : LONG];
  const { tokens, chatIds } = await makeScene(stage, { database: DATABASE, ...layout });
  await sendSample(stage, { chatId: chatIds[0], token: tokens[0] });
  await fill(await stage.getEngine(), chatIds, counts);

  const server = await startParley(stage, { database: DATABASE });
  const contenders = await Promise.all(
    chatIds.map(async (chatId, index) => {
      const load = stage.startLoad(`history-${index}`);
      const asker = { method: 'GET', path: `/api/messages/${chatId}`, token: tokens[0] };
      const askers = Array.from({ length: CONNECTIONS }, () => asker);
      await load.call('prepareAsk', { target: server.target, askers });
      return { name: `${counts[index]} messages`, server, load, databasePid: server.databasePid };
    }),
  );
  const ask = (contender) => measure(contender, { op: 'ask', ...time });
  const results = await interleave(rounds, contenders, ask, REHEARSALS);
  checkEndings(report, results);

  const cell = (figures, pick, digits) => spread(figures.map(pick), digits);
  report.table({
    title: `history: the newest page, ${CONNECTIONS} connections, each asks as soon as it is answered`,
    columns: ['', 'p50 ms', 'p99 ms', 'server µs', 'database µs', 'bytes'],
    rows: [...results].map(([name, figures]) => [
      name,
      cell(figures, ({ toAck }) => toAck.p50, 2),
      cell(figures, ({ toAck }) => toAck.p99, 2),
      cell(figures, ({ serverCpu }) => serverCpu),
      cell(figures, ({ databaseCpu }) => databaseCpu),
      cell([figures.at(-1)], ({ ackBytes }) => ackBytes),
    ]),
  });
  const [short, long] = [...results.values()].map((figures) => figures.map(({ toAck }) => toAck.p50));
  report.verdict(`p50 at ${counts[1]} / p50 at ${counts[0]} messages`, ratios(long, short), { atMost: 1.2 });
}

async function sendSample(stage, { chatId, token }) {
  const server = await startParley(stage, { database: DATABASE });
  const call = createCaller(server.target);
  await call('/api/messages', {
    token,
    body: { chatId, content: 'A message of ordinary length, to be copied often.' },
  });
  await server.stop();
}

async function fill(engine, chatIds, counts) {
  const client = await MongoClient.connect(engine.uriFor(DATABASE));
  for (const [index, chatId] of chatIds.entries())
    await fillChat(client.db(), ObjectId.createFromHexString(chatId), counts[index]);
  await client.close();
}
