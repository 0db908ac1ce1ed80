import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Person } from '../client/accounts.js';
import { castOf } from '../replay/cast.js';
import { parseAnnotations, parseLog } from '../replay/irc-log.js';
import { scriptOf, type Cue } from '../replay/script.js';

/** Known to everybody who reads this: for development. */
export const PASSWORD = 'welcome-to-parley';

export type Line = {
  clientMessageId: string;
  sender: Person;
  text: string;
  /** The clientMessageId of the line it answers. */
  answers: string | null;
};

export type Plot = {
  /** Null: the direct chat of its two people. */
  chatName: string | null;
  owner: Person;
  others: Person[];
  lines: Line[];
};

const SAMPLE = new URL('../sample/', import.meta.url);
const GROUP = 'Ubuntu help, 11 December 2008';

/** The people and conversations that a fresh server is filled with: always the same, down to the ids of the messages. */
export async function story(): Promise<Plot[]> {
  const [ann, bob, cyd] = ['Ann', 'Bob', 'Cyd'].map(friend) as [Person, Person, Person];
  const cues = await sampleCues();
  const cast = castOf(cues.flatMap((cue) => cue.nick ?? []));
  const nicks = [cast.channel, ...cast.nicks.values()];
  const senderOf = (cue: Cue): Person =>
    (cue.nick === null ? undefined : cast.nicks.get(cue.nick)) ?? cast.channel;
  const help: Plot = {
    chatName: GROUP,
    owner: ann,
    others: [bob, cyd, ...nicks],
    lines: cues.map((cue) => ({
      clientMessageId: cue.clientMessageId,
      sender: senderOf(cue),
      text: cue.text,
      answers: cue.answers === null ? null : lineId(GROUP, cue.number),
    })),
  };
  const lunch = told({ name: 'ann and bob', chatName: null }, ann, bob, [
    [ann, 'Hi Bob! The new chat server is up.'],
    [bob, 'I see it. Is there anything to read yet?'],
    [ann, `Look into “${GROUP}”: a real conversation, with replies across several talks at once.`],
    [bob, 'And lunch? 🍜'],
    [ann, 'At one, by the lift.'],
  ]);
  const team = told({ name: 'team', chatName: 'Team' }, ann, bob, [
    [cyd, 'Good morning, both.'],
    [bob, 'Morning!'],
    [ann, 'Who takes notes today?\n— not me, I did on Monday'],
    [cyd, 'I will.'],
  ]);
  team.others.push(cyd);
  return [lunch, team, help];
}

/** Always the same UUID for the same line, so that planting it again plants nothing: version 5 in all but its hash. */
function lineId(chat: string, line: number): string {
  const hex = createHash('sha256').update(`parley seed: ${chat}: ${line}`).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `5${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}

function friend(firstName: string): Person {
  return { username: firstName.toLowerCase(), password: PASSWORD, firstName };
}

/** A conversation of a few lines in which each answers nothing in particular. */
function told(
  chat: { name: string; chatName: string | null },
  owner: Person,
  other: Person,
  said: [Person, string][],
): Plot {
  const lines = said.map(([sender, text], number) => ({
    clientMessageId: lineId(chat.name, number),
    sender,
    text,
    answers: null,
  }));
  return { chatName: chat.chatName, owner, others: [other], lines };
}

async function sampleCues(): Promise<Cue[]> {
  const log = parseLog(await readFile(new URL('ubuntu-2008-12-11.raw.txt', SAMPLE)));
  const source = await readFile(new URL('ubuntu-2008-12-11.annotation.txt', SAMPLE), 'utf8');
  const { answers } = parseAnnotations(source, log.lines.length);
  const { cues } = scriptOf(log, answers, () => '');
  return cues.map((cue) => ({ ...cue, clientMessageId: lineId(GROUP, cue.number) }));
}
