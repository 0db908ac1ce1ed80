import type { MfaSetup, OwnUser } from '../../src/contract/views.js';
import { authenticator, type Authenticator } from './authenticator.js';
import { rest, type Answer, type Person } from './scene.js';

/** Time that a test moves forward: for `deploy({ clock: time.now })`. */
export type Time = { readonly now: () => number; pass(ms: number): void };

export function movableTime(): Time {
  let ahead = 0;
  return { now: () => Date.now() + ahead, pass: (ms) => void (ahead += ms) };
}

export type SignedIn = { user: OwnUser; token?: string };

/** A person who has set up two-step sign-in. */
export type Guarded = Person & {
  phone: Authenticator;
  secret: string;
  recoveryCodes: string[];
  /** A code that was never shown: time passes until there is one. */
  next(): string;
};

export async function setUp(person: Person): Promise<MfaSetup> {
  const { status, body } = await person.rest<MfaSetup>('POST', '/api/auth/mfa/setup', {
    password: person.password,
  });
  if (status !== 200) throw new Error(`${person.name} could not set up: ${JSON.stringify(body)}`);
  return body.data;
}

export async function turnOn(person: Person, time: Time): Promise<Guarded> {
  const { secret, recoveryCodes } = await setUp(person);
  const phone = authenticator(secret);
  const next = (): string => {
    time.pass(30_000);
    return phone.code(time.now());
  };
  const { status, body } = await person.rest('POST', '/api/auth/mfa/verify', { token: next() });
  if (status !== 200) throw new Error(`${person.name} could not turn it on: ${JSON.stringify(body)}`);
  return { ...person, phone, secret, recoveryCodes, next };
}

type Options = { url: string; from?: string; cookie?: string };

/** POST to /api/auth as somebody who is not signed in. `from`: the address, where TRUST_PROXY believes it. */
export function knock(path: string, body: object, { url, from, cookie }: Options): Promise<Answer<SignedIn>> {
  return rest<SignedIn>(url, 'POST', `/api/auth/${path}`, {
    body,
    headers: {
      ...(from === undefined ? {} : { 'x-forwarded-for': from }),
      ...(cookie === undefined ? {} : { cookie }),
    },
  });
}

/** The ticket for the second step; the password must be right. */
export async function ticketOf(person: Person, options: Options): Promise<string> {
  const { username } = person.user;
  const { body } = await knock('login', { username, password: person.password }, options);
  const ticket = body.error?.mfaTicket;
  if (ticket === undefined) throw new Error(`${person.name} got no ticket: ${JSON.stringify(body)}`);
  return ticket;
}

/** Status and code of an answer: what most tests look at. */
export const gist = ({ status, body }: Answer<unknown>): [number, string | undefined] => [
  status,
  body.error?.code,
];
