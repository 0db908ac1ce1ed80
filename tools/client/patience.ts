import { setTimeout as pause } from 'node:timers/promises';
import { exitCode, Stop } from './stop.js';

/** Waits when the server's limits say so, as a polite client does, and remembers how long that took. */
export type Patience = {
  /** Throws Stop(75) when the server asks for more than a minute: a person should decide that. */
  wait(seconds: number, whom: string): Promise<void>;
  readonly count: number;
  readonly ms: number;
};

const LONGEST_SECONDS = 60;
const WORTH_TELLING_SECONDS = 5;

export const WIDE_OPEN =
  'Fix: start the server for this with RATE_LIMIT_SCALE=100 MAX_CONNECTIONS_PER_IP=1000 npm start';

export function createPatience(tell: (text: string) => void): Patience {
  let count = 0;
  let ms = 0;
  return {
    wait: async (seconds, whom) => {
      if (seconds > LONGEST_SECONDS) {
        const asked = `The server's limits ask ${whom} to wait ${seconds} s, which is too long to sit out.`;
        throw new Stop(exitCode.tryLater, `${asked}\n${WIDE_OPEN}`);
      }
      if (seconds >= WORTH_TELLING_SECONDS) tell(`Waiting ${seconds} s: the server's limits ask ${whom} to.`);
      count += 1;
      ms += seconds * 1_000;
      await pause(seconds * 1_000);
    },
    get count() {
      return count;
    },
    get ms() {
      return ms;
    },
  };
}
