import { setTimeout as pause } from 'node:timers/promises';
import type { MessageView } from '../../src/contract/views.js';
import type { Patience } from '../client/patience.js';
import type { Cue } from './script.js';
import type { Speaker, Speakers } from './speakers.js';

export type Sent = {
  /** By line number. */
  acknowledged: Map<number, MessageView>;
  /** What the server said no to. */
  refused: { cue: Cue; why: string }[];
  /** Sent again because no acknowledgement had come, with the same clientMessageId. */
  repeated: number;
  /** When each message was sent, by clientMessageId, in milliseconds of `performance.now()`. */
  sentAt: Map<string, number>;
  elapsedMs: number;
};

type Deps = {
  chatId: string;
  speakers: Speakers;
  speakerOf: (cue: Cue) => Speaker;
  patience: Patience;
  /** Messages under way at once. 1: each waits for the acknowledgement of the one before, so seq order is the log's order. */
  window: number;
  /** Called after each line with how many are done. */
  onDone: (count: number) => void;
  sentAt: Map<string, number>;
};

/** How often a message is sent again when no acknowledgement comes; each try waits ten seconds for it. */
const TRIES = 6;
const RETRY_MS = 250;

/**
 * Sends every line. With a wider window, people talk at the same time; still nobody has two messages of his own under way,
 * and an answer waits for what it answers, whose id it needs.
 */
export async function sendAll(cues: readonly Cue[], deps: Deps): Promise<Sent> {
  const result: Sent = {
    acknowledged: new Map(),
    refused: [],
    repeated: 0,
    sentAt: deps.sentAt,
    elapsedMs: 0,
  };
  const byNumber = new Map<number, Promise<void>>();
  const lastOf = new Map<Speaker, Promise<void>>();
  const underWay = new Set<Promise<void>>();
  let done = 0;
  const started = performance.now();

  async function play(cue: Cue, speaker: Speaker, before: Promise<void>[]): Promise<void> {
    await Promise.all(before);
    await sendOne(cue, speaker, { deps, result });
    done += 1;
    deps.onDone(done);
  }

  for (const cue of cues) {
    const speaker = deps.speakerOf(cue);
    const before = [lastOf.get(speaker) ?? [], byNumber.get(cue.answers ?? -1) ?? []].flat();
    const playing = play(cue, speaker, before);
    byNumber.set(cue.number, playing);
    lastOf.set(speaker, playing);
    const ended = playing.finally(() => underWay.delete(ended));
    // The first failure ends the replay by way of the waits below; those behind it have nothing to add.
    ended.catch(() => undefined);
    underWay.add(ended);
    if (underWay.size >= deps.window) await Promise.race(underWay);
  }
  await Promise.all(underWay);
  result.elapsedMs = performance.now() - started;
  return result;
}

/** Until it is acknowledged or refused for good: an unacknowledged message is sent again, as it is. */
async function sendOne(
  cue: Cue,
  speaker: Speaker,
  { deps, result }: { deps: Deps; result: Sent },
): Promise<void> {
  const { sentAt } = result;
  const { clientMessageId, text: content } = cue;
  const replyTo = cue.answers === null ? undefined : result.acknowledged.get(cue.answers)?._id;
  const message = {
    chatId: deps.chatId,
    content,
    clientMessageId,
    ...(replyTo === undefined ? {} : { replyTo }),
  };
  for (let tries = 0; tries < TRIES;) {
    // After a lost acknowledgement the first try counts: perhaps it arrived.
    if (!sentAt.has(clientMessageId)) sentAt.set(clientMessageId, performance.now());
    const ack = await deps.speakers.emit<MessageView>(speaker, 'message:send', message);
    if (ack?.ok === true) {
      result.acknowledged.set(cue.number, ack.data);
      return;
    }
    if (ack?.error.code === 'LIMITED') {
      sentAt.delete(clientMessageId);
      await deps.patience.wait(ack.error.retryAfter ?? 1, speaker.name);
      continue;
    }
    if (ack !== null && ack.error.code !== 'UNAVAILABLE') {
      result.refused.push({ cue, why: `${ack.error.code}: ${ack.error.message}` });
      return;
    }
    tries += 1;
    result.repeated += 1;
    await pause(RETRY_MS);
  }
  result.refused.push({ cue, why: 'no acknowledgement came' });
}
