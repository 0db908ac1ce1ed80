import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { addressesFor, oneForAll } from './client/addresses.js';
import { createPatience } from './client/patience.js';
import { createRest, unreachable } from './client/rest.js';
import { exitCode, runTool, Stop } from './client/stop.js';
import { parseAnnotations, parseLog } from './replay/irc-log.js';
import { replayOptions, USAGE, type ReplayOptions } from './replay/options.js';
import { play, type Played } from './replay/play.js';
import { faultsOf, percentile, reportText, type Figures } from './replay/report.js';
import { scriptOf } from './replay/script.js';

/** A server takes a hundred connections from one address unless told otherwise; some are left to others. */
const SOCKETS_OF_ONE_ADDRESS = 90;
/** With an address each, what limits the sockets is the descriptors a process may have (often 1,024). */
const SOCKETS_OF_MANY_ADDRESSES = 450;

await runTool(async () => {
  const options = replayOptions(process.argv.slice(2));
  if (options === null) {
    console.log(USAGE);
    return exitCode.ok;
  }
  const figures = await replay(options);
  console.log(options.json ? JSON.stringify(figures, null, 2) : `\n${reportText(figures)}`);
  return faultsOf(figures).length === 0 ? exitCode.ok : exitCode.failed;
});

async function replay(options: ReplayOptions): Promise<Figures> {
  const log = parseLog(await contentOf(options.log));
  const source = options.annotations === null ? '' : (await contentOf(options.annotations)).toString('utf8');
  const { answers, further } = annotationsOf(source, log.lines.length, options.annotations ?? '');
  const { cues, blank } = scriptOf(log, answers, randomUUID);
  if (cues.length === 0) throw new Stop(exitCode.usage, `${options.log} has no lines to replay.`);
  const tell = (text: string): void => console.error(text);
  if (log.otherEncoding.length > 0) {
    const which = log.otherEncoding.slice(0, 10).join(', ');
    tell(`${log.otherEncoding.length} lines are not UTF-8 and are read as windows-1252: ${which}.`);
  }

  const patience = createPatience(tell);
  const rests = options.urls.map((url) => createRest(url, patience));
  for (const rest of rests) if (!(await rest.isThere())) throw unreachable(rest.url);
  const addresses = options.oneAddress ? oneForAll : await addressesFor(options.urls);
  const perNode = addresses === oneForAll ? SOCKETS_OF_ONE_ADDRESS : SOCKETS_OF_MANY_ADDRESSES;
  const played = await play(cues, {
    ...{ rests, addresses, patience, tell, window: options.window },
    maxOpen: perNode * rests.length,
    chatName: basename(options.log).slice(0, 100),
  });
  for (const rest of rests) rest.close();
  return {
    ...figuresOf(played, options.window),
    log: basename(options.log),
    nodes: options.urls,
    nicks: new Set(cues.flatMap((cue) => cue.nick ?? [])).size,
    lines: log.lines.length,
    blank,
    replies: cues.filter((cue) => cue.answers !== null).length,
    furtherLinks: further,
    otherEncoding: log.otherEncoding.length,
    sent: cues.length,
  };
}

type Measured =
  | keyof Played['findings']
  | ('users' | 'window' | 'acknowledged' | 'refused' | 'repeated' | 'latency')
  | ('elapsedSeconds' | 'waits' | 'messagesPerSecond');

function figuresOf(
  { users, sent, waits, latencies, findings }: Played,
  window: number,
): Pick<Figures, Measured> {
  // One at a time, everybody waits while one waits; otherwise the waits lie side by side.
  const busyMs = Math.max(1, window === 1 ? sent.elapsedMs - waits.ms : sent.elapsedMs);
  const round = (value: number): number => Math.round(value * 100) / 100;
  return {
    ...findings,
    users,
    window,
    acknowledged: sent.acknowledged.size,
    refused: sent.refused.map(({ cue, why }) => `line ${cue.number}: ${why}`),
    repeated: sent.repeated,
    latency: {
      deliveries: latencies.length,
      p50: round(percentile(latencies, 0.5)),
      p95: round(percentile(latencies, 0.95)),
      p99: round(percentile(latencies, 0.99)),
    },
    elapsedSeconds: round(sent.elapsedMs / 1_000),
    waits: { count: waits.count, seconds: Math.round(waits.ms / 1_000) },
    messagesPerSecond: round((sent.acknowledged.size * 1_000) / busyMs),
  };
}

async function contentOf(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new Stop(
      exitCode.usage,
      `${path} can't be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function annotationsOf(source: string, lines: number, path: string): ReturnType<typeof parseAnnotations> {
  try {
    return parseAnnotations(source, lines);
  } catch (error) {
    throw new Stop(exitCode.usage, `${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
