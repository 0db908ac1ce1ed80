import { setTimeout as pause } from 'node:timers/promises';
import type { ChatView } from '../../src/contract/views.js';
import { closeAccounts, openAccounts, type Account } from '../client/accounts.js';
import type { Addresses } from '../client/addresses.js';
import type { Patience } from '../client/patience.js';
import { unreachable, type Rest } from '../client/rest.js';
import { castOf } from './cast.js';
import { check, type Findings } from './check.js';
import { readHistory } from './history.js';
import { createLeaver } from './leaver.js';
import { Observer } from './observer.js';
import type { Cue } from './script.js';
import { sendAll, type Sent } from './send-all.js';
import { createSpeakers, type Speaker, type Speakers } from './speakers.js';

type Deps = {
  rests: readonly Rest[];
  addresses: Addresses;
  /** Sockets of speakers at once. */
  maxOpen: number;
  patience: Patience;
  window: number;
  /** Of the group. */
  chatName: string;
  tell: (text: string) => void;
};

export type Played = {
  users: number;
  sent: Sent;
  waits: { count: number; ms: number };
  /** Milliseconds from send to delivery, of each live delivery to an observer that stays. */
  latencies: number[];
  findings: Findings;
};

/** Everybody signed in, each with the node and the address he signed in at, in one group. */
type Stage = {
  chatId: string;
  accounts: Account[];
  observers: Speaker[];
  /** Null is the channel. */
  speakers: Map<string | null, Speaker & { id: string }>;
};

const LAST_DELIVERIES_MS = 15_000;
const LATE_SURPLUS_MS = 300;
const TELL_EVERY = 250;

/** Signs everybody in, makes the group, sends the lines while the observers listen, and judges what came of it. */
export async function play(cues: readonly Cue[], deps: Deps): Promise<Played> {
  const { rests, tell } = deps;
  const stage = await setStage(cues, deps);
  const sentAt = new Map<string, number>();
  const latencies: number[] = [];
  const observers = observersOf(stage, { deps, sentAt, latencies });
  await Promise.all(observers.map((observer) => observer.come()));
  const speakers = createSpeakers(urlsFrom(rests, 0), deps.maxOpen);
  await speakers.seat([...stage.speakers.values()]);

  tell(`Sending ${cues.length} lines…`);
  const { sent, waits } = await perform(cues, { deps, stage, speakers, observers, sentAt });
  speakers.close();
  for (const observer of observers) observer.close();

  const [owner] = stage.accounts as [Account];
  // A node may have died meanwhile, which is worth replaying for; what it took must be found at the others.
  const alive: Rest[] = [];
  for (const rest of rests) {
    if (await rest.isThere()) alive.push(rest);
    else tell(`${rest.url} is away by now.`);
  }
  if (alive.length === 0) throw unreachable(urlsFrom(rests, 0).join(', '));
  const histories = [];
  for (const rest of alive) histories.push(await readHistory(rest, stage.chatId, owner));
  const findings = check({
    ...{ cues, histories, acknowledged: sent.acknowledged, strict: deps.window === 1 },
    oneNode: rests.length === 1,
    observers: observers.map((observer) => observer.observed()),
    userOf: (nick) => stage.speakers.get(nick)?.id,
  });
  await closeAccounts(alive, stage.accounts);
  return { users: stage.accounts.length, sent, waits, latencies, findings };
}

async function setStage(cues: readonly Cue[], deps: Deps): Promise<Stage> {
  const { rests, addresses } = deps;
  const cast = castOf(cues.flatMap((cue) => cue.nick ?? []));
  const people = [...cast.observers, cast.channel, ...cast.nicks.values()];
  deps.tell(`Signing in ${people.length} people…`);
  const accounts = await openAccounts(rests, people, { addresses });
  const seats = accounts.map(({ id, token }, index) => ({
    ...{ id, token, node: index, from: addresses(index) },
    name: people[index]?.firstName ?? '',
  }));
  const nicks = [null, ...cast.nicks.keys()];
  const speaking = seats.slice(cast.observers.length);

  const chat = await (rests[0] as Rest).ask<ChatView>({
    method: 'POST',
    path: '/api/chats',
    token: accounts[0]?.token ?? '',
    body: { users: accounts.slice(1).map(({ id }) => id), chatName: deps.chatName },
  });
  return {
    chatId: chat._id,
    accounts,
    observers: seats.slice(0, cast.observers.length),
    speakers: new Map(speaking.map((seat, index) => [nicks[index] ?? null, seat])),
  };
}

function observersOf(
  { observers, chatId }: Stage,
  { deps, sentAt, latencies }: { deps: Deps; sentAt: ReadonlyMap<string, number>; latencies: number[] },
): Observer[] {
  return observers.map(
    ({ name, token, from, node }, index) =>
      new Observer({
        ...{ name, token, from, chatId, patience: deps.patience },
        urls: urlsFrom(deps.rests, node),
        onLive: ({ clientMessageId }) => {
          const start = sentAt.get(clientMessageId ?? '');
          const stays = index < observers.length - 1;
          if (stays && start !== undefined) latencies.push(performance.now() - start);
        },
      }),
  );
}

type Performance = {
  deps: Deps;
  stage: Stage;
  speakers: Speakers;
  observers: readonly Observer[];
  sentAt: Map<string, number>;
};

/** Sends all lines, with the last observer coming and going, and waits until the last are delivered. */
async function perform(
  cues: readonly Cue[],
  { deps, stage, speakers, observers, sentAt }: Performance,
): Promise<Pick<Played, 'sent' | 'waits'>> {
  const { patience, tell, window } = deps;
  const leaver = createLeaver(observers[observers.length - 1] as Observer, cues.length);
  const before = { count: patience.count, ms: patience.ms };
  const sent = await sendAll(cues, {
    ...{ chatId: stage.chatId, speakers, patience, sentAt, window },
    speakerOf: (cue) => stage.speakers.get(cue.nick) as Speaker,
    onDone: (count) => {
      leaver.acknowledged(count);
      if (count % TELL_EVERY === 0) tell(`${count} of ${cues.length} lines…`);
    },
  });
  const waits = { count: patience.count - before.count, ms: patience.ms - before.ms };
  await leaver.settled();
  await delivered(observers, sent.acknowledged.size);
  return { sent, waits };
}

function urlsFrom(rests: readonly Rest[], node: number): string[] {
  const urls = rests.map(({ url }) => url);
  const start = node % urls.length;
  return [...urls.slice(start), ...urls.slice(0, start)];
}

/** The last lines are still on their way when they are acknowledged; who has not got all in time misses some. */
async function delivered(observers: readonly Observer[], count: number): Promise<void> {
  const deadline = Date.now() + LAST_DELIVERIES_MS;
  await Promise.all(observers.map((observer) => observer.settled()));
  while (Date.now() < deadline && observers.some((observer) => observer.delivered < count)) await pause(20);
  // What should not come, a second delivery, needs time to come too.
  await pause(LATE_SURPLUS_MS);
}
