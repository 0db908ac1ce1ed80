/**
 * The load process: does what the runner asks over IPC (`{ id, op, args }` → `{ id, result }` or `{ id, error }`).
 * One server, one load process, so that clients' work never counts as the server's.
 */
import { openAsk } from './lib/ask.mjs';
import { openTalk } from './lib/talk.mjs';

let talk = null;
let ask = null;
let current = null;

const ops = {
  /** Opens a socket for each person. */
  connect: async ({ target, people }) => {
    const began = performance.now();
    talk = await openTalk(target, people);
    return { seconds: (performance.now() - began) / 1000 };
  },
  talkClosed: ({ senders }) => {
    current = talk;
    talk.startClosed(senders);
  },
  talkOpen: ({ senders, perSecond }) => {
    current = talk;
    talk.startOpen(senders, perSecond);
  },
  /** Opens HTTP connections; `ask` sets them to work. */
  openAsk: async ({ target, askers }) => {
    ask?.close();
    ask = await openAsk(target, askers);
  },
  ask: () => {
    current = ask;
    ask.start();
  },
  snapshot: () => current.snapshot(),
  stop: () => current.stop(),
};

process.on('message', async ({ id, op, args }) => {
  try {
    process.send({ id, result: await ops[op](args ?? {}) });
  } catch (error) {
    process.send({ id, error: error.message });
  }
});
process.on('disconnect', () => {
  talk?.close();
  ask?.close();
  process.exit(0);
});
