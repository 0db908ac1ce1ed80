/**
 * The load process: does what the runner asks over IPC (`{ id, op, args }` → `{ id, result }` or `{ id, error }`).
 * One server, one load process, so that clients' work never counts as the server's.
 */
import { createAsk } from './lib/ask.mjs';
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
  /** Says what is asked over HTTP, and over how many connections; `ask` begins. */
  prepareAsk: ({ target, askers }) => {
    ask = createAsk(target, askers);
  },
  ask: () => {
    current = ask;
    return ask.start();
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
