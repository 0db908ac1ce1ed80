import type { OwnUser, PublicUser } from '../../src/contract/views.js';
import type { Addresses } from './addresses.js';
import { inParallel } from './in-parallel.js';
import type { Rest } from './rest.js';
import { exitCode, Stop } from './stop.js';

export type Person = {
  username: string;
  password: string;
  /** The name that is shown: any characters. */
  firstName: string;
  /** What to be called when a stranger has the username already. */
  alias?: string;
};

export type Account = { id: string; username: string; token: string };

/** Several at once: the server needs a quarter of a second of one core for each password. */
const AT_ONCE = 4;

/**
 * Signs everybody in, and registers those who are new; answers in the order given.
 *
 * A server allows few failed sign-ins per address, so nobody tries a name to find out whether it exists: those who are
 * in already (`known` from before) look the next one up. Only the very first has nobody to ask, and tries.
 */
export async function openAccounts(
  rests: readonly Rest[],
  people: readonly Person[],
  { addresses, known = [] }: { addresses: Addresses; known?: readonly Account[] },
): Promise<Account[]> {
  const signedIn: Account[] = [...known];

  async function enter(person: Person, index: number): Promise<Account> {
    const asker = signedIn[index % Math.max(1, signedIn.length)];
    const rest = rests[index % rests.length] as Rest;
    const account = await open({ rest, from: addresses(known.length + index) }, person, asker);
    signedIn.push(account);
    return account;
  }

  const alone = known.length === 0 ? people.slice(0, 1) : [];
  const opened = await inParallel(1, alone, enter);
  const others = people.slice(alone.length);
  return [
    ...opened,
    ...(await inParallel(AT_ONCE, others, (person, index) => enter(person, alone.length + index))),
  ];
}

/** Ends the sessions, so that a server's list of sessions does not grow by each run. */
export async function closeAccounts(rests: readonly Rest[], accounts: readonly Account[]): Promise<void> {
  await inParallel(AT_ONCE, accounts, async ({ token }, index) => {
    await (rests[index % rests.length] as Rest).call({ method: 'POST', path: '/api/auth/logout', token });
  });
}

type Door = { rest: Rest; from: string | undefined };

async function open(door: Door, person: Person, asker: Account | undefined): Promise<Account> {
  for (const way of await waysIn(door, person, asker)) {
    const account = await way(door, person);
    if (account !== null) return account;
  }
  const { username, password, firstName, alias } = person;
  if (alias === undefined)
    throw new Stop(exitCode.failed, `The username ${username} belongs to somebody with another password.`);
  return open(door, { username: alias, password: `${password}${username}`, firstName }, asker);
}

type Way = (door: Door, person: Person) => Promise<Account | null>;

async function waysIn(door: Door, { username }: Person, asker: Account | undefined): Promise<Way[]> {
  if (asker === undefined) return [login, register];
  // A registration whose answer was lost is repeated, and finds the name taken: by itself.
  return (await exists(door.rest, username, asker)) ? [login] : [register, login];
}

async function exists(rest: Rest, username: string, asker: Account): Promise<boolean> {
  const path = `/api/users?limit=1&search=${encodeURIComponent(username)}`;
  const { status, data } = await rest.call<{ users: PublicUser[] }>({
    method: 'GET',
    path,
    token: asker.token,
  });
  if (status !== 200) {
    const fix = 'Do all addresses belong to one deployment: one database, one Redis, the same secrets?';
    throw new Stop(exitCode.failed, `${rest.url} answers ${asker.username} with ${status}.\n${fix}`);
  }
  const isIt = (name: string): boolean => name.toLowerCase() === username.toLowerCase();
  // A search never finds the one who searches.
  return isIt(asker.username) || data.users.some((user) => isIt(user.username));
}

/** Null: no such user, or another password. */
async function login({ rest, from }: Door, { username, password }: Person): Promise<Account | null> {
  const { data, error } = await rest.call<{ user: OwnUser; token?: string }>({
    method: 'POST',
    path: '/api/auth/login',
    body: { username, password },
    from,
  });
  if (error === null) return accountOf(data);
  if (error.code === 'INVALID_CREDENTIALS') return null;
  throw new Stop(exitCode.failed, `${username} can't sign in: ${error.code}: ${error.message}`);
}

/** Null: the name is taken. */
async function register({ rest, from }: Door, person: Person): Promise<Account | null> {
  const { username, password, firstName } = person;
  const { data, error } = await rest.call<{ user?: OwnUser; token?: string }>({
    method: 'POST',
    path: '/api/auth/register',
    body: { username, password, firstName, email: `${username.toLowerCase()}@people.example.org` },
    from,
  });
  if (error === null) return accountOf(data);
  if (error.code === 'TAKEN') return null;
  const details = JSON.stringify(error.details ?? []);
  throw new Stop(exitCode.failed, `${username} can't register: ${error.code}: ${error.message} ${details}`);
}

function accountOf({ user, token }: { user?: OwnUser; token?: string }): Account {
  if (user === undefined) {
    const fix = 'Fix: start it with EMAIL_VERIFICATION=off for this.';
    throw new Stop(exitCode.unavailable, `The server wants e-mail addresses verified.\n${fix}`);
  }
  if (token === undefined) {
    const fix = 'Fix: start it with AUTH_TRANSPORT=both for this.';
    throw new Stop(exitCode.unavailable, `The server gives no bearer tokens.\n${fix}`);
  }
  return { id: user.id, username: user.username, token };
}
