import { randomBytes } from 'node:crypto';
import type { OwnUser } from '../../src/contract/views.js';
import type { Deployment } from './deployment.js';
import type { Mailbox } from './mailbox.js';
import { redisCommand } from './redis.js';
import { rest, type Answer } from './scene.js';

export type Account = { username: string; email: string; password: string };

export type SignedIn = { user: OwnUser; token?: string };

/** Whatever /auth answers: a test looks at what it expects. */
export type AuthData = SignedIn & { email: string; expiresIn: number; resendIn: number };

/** What is typed to register; no two alike. Letters only: six digits in a mail are its code. */
function letters(count: number): string {
  return [...randomBytes(count)].map((byte) => String.fromCharCode(97 + (byte % 26))).join('');
}

export function account(name = 'ann'): Account {
  const tag = letters(8);
  return { username: `${name}_${tag}`, email: `${name}.${tag}@example.org`, password: `${tag} is a secret` };
}

export function otherThan(code: string): string {
  return code === '111111' ? '222222' : '111111';
}

/** POST /api/auth/…, by the nodes in turn. `from`: the address, where the deployment trusts a proxy. */
export function authClient(deployment: Deployment) {
  let turn = 0;
  const post = <T = AuthData>(
    path: string,
    body: unknown,
    { token, from, headers }: { token?: string; from?: string; headers?: Record<string, string> } = {},
  ): Promise<Answer<T>> => {
    turn += 1;
    const { url } = turn % 2 === 0 ? deployment.here : deployment.there;
    return rest<T>(url, 'POST', `/api/auth/${path}`, {
      body,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(from === undefined ? {} : { 'x-forwarded-for': from }),
        ...headers,
      },
    });
  };

  /** Registers and verifies; answers what verify-otp does. */
  async function joins(who: Account, mailbox: Mailbox, from?: string): Promise<Required<SignedIn>> {
    const by = from === undefined ? {} : { from };
    const registered = await post('register', who, by);
    if (registered.status !== 200) throw new Error(`not registered: ${JSON.stringify(registered.body)}`);
    const { code } = await mailbox.next({ to: who.email });
    const verified = await post('verify-otp', { email: who.email, otp: code }, by);
    if (verified.status !== 201) throw new Error(`not verified: ${JSON.stringify(verified.body)}`);
    return verified.body.data as Required<SignedIn>;
  }

  return {
    post,
    joins,
    /** Whether the token still opens anything. */
    alive: async (token: string): Promise<boolean> => {
      const headers = { authorization: `Bearer ${token}` };
      return (await rest(deployment.there.url, 'GET', '/api/auth/me', { headers })).status === 200;
    },
    /** Behind the server's back: ends the pause before the next code. */
    endPause: async (key: string): Promise<void> => {
      if (deployment.redis === null) throw new Error('A pause can be ended by hand in Redis only.');
      await redisCommand(deployment.redis.port, 'DEL', key);
    },
  };
}

export type AuthClient = ReturnType<typeof authClient>;

/** Code and texts of what is refused, without what differs each time. */
export function refusal(answer: Answer<unknown>): unknown {
  const { requestId: _, ...error } = answer.body.error;
  return { status: answer.status, error };
}
