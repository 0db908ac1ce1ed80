import { parseArgs } from 'node:util';
import { exitCode, Stop } from '../client/stop.js';

const DEFAULT_URL = 'http://127.0.0.1:3001';

export const USAGE = `Replays an IRC log as a chat: a user per nick, one group, everybody on a socket of his own, three observers.

npm run replay -- [options] <raw log> [annotations]

  --url URL            where the server is (${DEFAULT_URL}); several times for the nodes of one deployment
  --window N           messages under way at once (1: strictly in the log's order)
  --from-one-address   do not give each person a loopback address of his own
  --json               the figures as JSON
  --help

The log: "[HH:MM] <nick> text", "[HH:MM] * nick action", "=== system", one line a message.
Annotations: "a b -", line b answers line a, counted from 0.
The accounts it makes have passwords that anybody with this program can derive: not for a server in public use.

Exit: 0 all acknowledged, nothing lost, twice, changed or out of order; 1 otherwise; 64 wrong usage; 69 no server;
75 the server's limits ask for a longer wait.

Try: npm run replay -- tools/sample/ubuntu-2008-12-11.raw.txt tools/sample/ubuntu-2008-12-11.annotation.txt`;

export type ReplayOptions = {
  urls: string[];
  window: number;
  oneAddress: boolean;
  json: boolean;
  log: string;
  annotations: string | null;
};

const OPTIONS = {
  url: { type: 'string', multiple: true },
  window: { type: 'string' },
  'from-one-address': { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Null: help was asked for. Throws Stop(64) with the usage. */
export function replayOptions(args: string[]): ReplayOptions | null {
  const { values, positionals } = parsed(args);
  if (values.help === true) return null;
  const [log, annotations, ...rest] = positionals;
  if (log === undefined || rest.length > 0)
    throw misused('Name one log, and its annotations if there are any.');
  const window = Number(values.window ?? 1);
  if (!Number.isInteger(window) || window < 1 || window > 1_000)
    throw misused('--window takes a whole number from 1 to 1000.');
  return {
    urls: (values.url ?? [DEFAULT_URL]).map(serverUrl),
    window,
    oneAddress: values['from-one-address'] === true,
    json: values.json === true,
    log,
    annotations: annotations ?? null,
  };
}

function parsed(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw misused(error instanceof Error ? error.message : String(error));
  }
}

function serverUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw misused(`${text} is not an http address.`);
  return new URL(text).origin;
}

function misused(why: string): Stop {
  return new Stop(exitCode.usage, `${why}\n\n${USAGE}`);
}
