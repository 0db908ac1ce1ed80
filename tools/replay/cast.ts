import { createHash } from 'node:crypto';
import type { Person } from '../client/accounts.js';

/** Usernames are narrower than nicks: 3 to 30 of these, and unique whatever their case. */
const USERNAME = /^[A-Za-z0-9_.-]{3,30}$/;
const NAME_LENGTH = 50;
const STEM_LENGTH = 21;

const CHANNEL = 'channel';
const OBSERVERS = ['watcher-1', 'watcher-2', 'watcher-3'] as const;

/**
 * Who plays in a replay: the observers, the channel, and each nick under a username that is always the same for that
 * nick (so a second replay finds its people again), with the real nick as the name that is shown.
 */
export function castOf(nicks: Iterable<string>): {
  observers: Person[];
  channel: Person;
  nicks: Map<string, Person>;
} {
  const taken = new Set<string>([CHANNEL, ...OBSERVERS]);
  const people = new Map<string, Person>();
  for (const nick of new Set(nicks)) {
    const plain = USERNAME.test(nick) && !taken.has(nick.toLowerCase());
    const username = plain ? nick : aliasOf(nick);
    taken.add(username.toLowerCase());
    people.set(nick, {
      ...person(username),
      firstName: shown(nick),
      ...(plain ? { alias: aliasOf(nick) } : {}),
    });
  }
  return {
    observers: OBSERVERS.map((name) => ({ ...person(name), alias: aliasOf(name) })),
    channel: { ...person(CHANNEL), alias: aliasOf(CHANNEL) },
    nicks: people,
  };
}

/** A valid username that no other nick gets: what is valid of the nick, and a hash of all of it. */
export function aliasOf(nick: string): string {
  const stem = nick.replace(/[^A-Za-z0-9_.-]/g, '').slice(0, STEM_LENGTH);
  return `${stem}.${sha256(`nick ${nick}`).slice(0, 8)}`;
}

/** Derived, not secret: whoever has this program can be these people, which is why it says what a replay is for. */
function person(username: string): Person {
  const password = sha256(`password of ${username.toLowerCase()} in replays`).slice(0, 32);
  return { username, password, firstName: username };
}

function shown(nick: string): string {
  return [...nick].slice(0, NAME_LENGTH).join('');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
