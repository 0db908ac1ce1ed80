import { setTimeout as pause } from 'node:timers/promises';
import type { ChatView } from '../../src/contract/views.js';
import { closeAccounts, openAccounts, type Account } from '../client/accounts.js';
import type { Addresses } from '../client/addresses.js';
import type { Patience } from '../client/patience.js';
import type { Rest } from '../client/rest.js';
import { castOf } from './cast.js';
import { check, type Findings } from './check.js';
import { readHistory } from './history.js';
import { createLeaver } from './leaver.js';
import { Observer } from './observer.js';
import type { Cue } from './script.js';
import { sendAll, type Sent } from './send-all.js';
import { createSpeakers, type Speaker } from './speakers.js';

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
  latencies: number[];
  findings: Findings;
};

const LAST_DELIVERIES_MS = 15_000;
const TELL_EVERY = 250;

/** Signs everybody in, makes the group, sends the lines while the observers listen, and judges what came of it. */
export async function play(cues: readonly Cue[], deps: Deps): Promise<Played> {
  const { rests, addresses, patience, tell } = deps;
  const cast = castOf(cues.flatMap((cue) => cue.nick ?? []));
  const people = [...cast.observers, cast.channel, ...cast.nicks.values()];
  tell(`Signing in ${people.length} people…`);
  const accounts = await openAccounts(rests, people, { addresses });
  const accountOf = new Map(people.map((person, index) => [person, accounts[index] as Account]));
  const playerOf = (nick: string | null): Account | undefined =>
    accountOf.get(nick === null ? cast.channel : (cast.nicks.get(nick) ?? cast.channel));
  const [owner] = accounts as [Account];
  const [rest] = rests as [Rest];

  const { _id: chatId } = await rest.ask<ChatView>({
    method: 'POST',
    path: '/api/chats',
    token: owner.token,
    body: { users: accounts.slice(1).map(({ id }) => id), chatName: deps.chatName },
  });

  const sentAt = new Map<string, number>();
  const latencies: number[] = [];
  const observers = cast.observers.map((person, index) => {
    const stays = index < cast.observers.length - 1;
    return new Observer({
      name: person.username,
      urls: rotated(rests, index),
      token: accounts[index]?.token ?? '',
      from: addresses(index),
      chatId,
      patience,
      onLive: ({ clientMessageId }) => {
        const start = sentAt.get(clientMessageId ?? '');
        if (stays && start !== undefined) latencies.push(performance.now() - start);
      },
    });
  });
  await Promise.all(observers.map((observer) => observer.come()));
  const leaver = createLeaver(observers[observers.length - 1] as Observer, cues.length);

  const speakers = createSpeakers(
    rests.map(({ url }) => url),
    deps.maxOpen,
  );
  const cueSpeakers = speakersOf(people, { accounts, addresses });
  const speakerOf = (cue: Cue): Speaker => cueSpeakers.get(playerOf(cue.nick)?.id ?? '') as Speaker;
  await speakers.seat([...new Set(cues.map(speakerOf))]);

  tell(`Sending ${cues.length} lines…`);
  const before = { count: patience.count, ms: patience.ms };
  const sent = await sendAll(cues, {
    ...{ chatId, speakers, speakerOf, patience, sentAt },
    window: deps.window,
    onDone: (count) => {
      leaver.acknowledged(count);
      if (count % TELL_EVERY === 0) tell(`${count} of ${cues.length} lines…`);
    },
  });
  const waits = { count: patience.count - before.count, ms: patience.ms - before.ms };
  await leaver.settled();
  await delivered(observers, sent.acknowledged.size);
  speakers.close();
  for (const observer of observers) observer.close();

  const histories = [];
  for (const each of rests) histories.push(await readHistory(each, chatId, { token: owner.token }));
  const findings = check({
    ...{ cues, histories, acknowledged: sent.acknowledged, strict: deps.window === 1 },
    observers: observers.map((observer) => observer.observed()),
    userOf: (nick) => playerOf(nick)?.id,
  });
  await closeAccounts(rests, accounts);
  return { users: accounts.length, sent, waits, latencies, findings };
}

function rotated(rests: readonly Rest[], by: number): string[] {
  const urls = rests.map(({ url }) => url);
  const start = by % urls.length;
  return [...urls.slice(start), ...urls.slice(0, start)];
}

/** By user id. Everybody's node and address are those he signed in at. */
function speakersOf(
  people: readonly { firstName: string }[],
  { accounts, addresses }: { accounts: readonly Account[]; addresses: Addresses },
): Map<string, Speaker> {
  return new Map(
    accounts.map(({ id, token }, index) => [
      id,
      { name: people[index]?.firstName ?? '', node: index, token, from: addresses(index) },
    ]),
  );
}

/** The last lines are still on their way when they are acknowledged; who has not got all in time misses some. */
async function delivered(observers: readonly Observer[], count: number): Promise<void> {
  const deadline = Date.now() + LAST_DELIVERIES_MS;
  await Promise.all(observers.map((observer) => observer.settled()));
  while (Date.now() < deadline && observers.some((observer) => observer.delivered < count)) await pause(20);
  // What should not come had better have time to come, too.
  await pause(300);
}
