import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import PostalMime, { type Email } from 'postal-mime';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

/** A mail as it arrived: parsed, with its source and what the envelope said. */
export type ReceivedMail = Readonly<{
  /** Of the envelope, in lower case. */
  to: string;
  from: string;
  subject: string;
  text: string;
  html: string;
  messageId: string;
  /** The six digits that stand alone in its text (a username may hold some too); empty when there are none. */
  code: string;
  /** All headers, as lower-case name → value; the last of a name that comes twice. */
  headers: Readonly<Record<string, string>>;
  raw: string;
  email: Email;
  /** The connection was encrypted. */
  encrypted: boolean;
}>;

export type Mailbox = Readonly<{
  /** For `startServer({ env: { SMTP_URL: mailbox.url } })`. */
  url: string;
  port: number;
  /** All mails that were taken so far. */
  received: readonly ReceivedMail[];
  /** The next mail to the address (any, if none is given) that nobody asked for before, arrived or still to come. */
  next(wanted?: { to?: string; timeoutMs?: number }): Promise<ReceivedMail>;
  /** How it behaves from now on. */
  behave(change: Behaviour): void;
  /** Stops listening and cuts every connection, as a server that goes down. */
  down(): Promise<void>;
  /** Listens again on the same port. */
  up(): Promise<void>;
  close(): Promise<void>;
}>;

export type Behaviour = {
  /** Waits so long before it takes a mail. */
  delayMs?: number;
  /** Answers the next `times` (default: for ever) mails with this status instead of taking them. */
  refuse?: { status: number; times?: number; at?: 'rcpt' | 'data' } | null;
  /** Called when a mail has come in whole; its answer (250) is held back until the promise resolves. */
  beforeTaking?: ((mail: ReceivedMail) => void | Promise<void>) | null;
};

export type MailboxOptions = Behaviour & { smtp?: SMTPServerOptions };

type Waiting = { to: string | null; give: (mail: ReceivedMail) => void };

/** A real SMTP server on a free port, with STARTTLS (a certificate of its own) and without passwords unless asked for. */
export async function startMailbox({ smtp = {}, ...initial }: MailboxOptions = {}): Promise<Mailbox> {
  const behaviour: Behaviour = { ...initial };
  const received: ReceivedMail[] = [];
  const unclaimed: ReceivedMail[] = [];
  const waiting = new Set<Waiting>();

  const refusal = (at: 'rcpt' | 'data'): Error | null => {
    const { refuse } = behaviour;
    if (refuse === null || refuse === undefined || (refuse.at ?? 'rcpt') !== at || refuse.times === 0)
      return null;
    if (refuse.times !== undefined) behaviour.refuse = { ...refuse, times: refuse.times - 1 };
    return Object.assign(new Error('Not now, says the test'), { responseCode: refuse.status });
  };
  const take = (mail: ReceivedMail): void => {
    received.push(mail);
    const found = [...waiting].find(({ to }) => to === null || to === mail.to);
    if (found === undefined) unclaimed.push(mail);
    else found.give(mail);
  };

  const create = (): SMTPServer =>
    new SMTPServer({
      authOptional: true,
      logger: false,
      closeTimeout: 100,
      onRcptTo: (_address, _session, done) => done(refusal('rcpt')),
      onData: (stream, session, done) => {
        const receive = async (): Promise<void> => {
          const raw = await buffer(stream);
          const refused = refusal('data');
          if (refused !== null) throw refused;
          const { mailFrom, rcptTo } = session.envelope;
          const mails = await Promise.all(
            rcptTo.map(({ address }) =>
              parsed(raw, {
                to: address.toLowerCase(),
                from: mailFrom === false ? '' : mailFrom.address,
                encrypted: session.secure,
              }),
            ),
          );
          if (behaviour.delayMs) await delay(behaviour.delayMs);
          for (const mail of mails) await behaviour.beforeTaking?.(mail);
          mails.forEach(take);
        };
        receive().then(
          () => done(),
          (error: Error) => done(error),
        );
      },
      ...smtp,
    });

  const state = { server: create(), open: true };
  const listen = async (port: number): Promise<number> => {
    state.server.on('error', () => undefined);
    const inner = state.server.listen(port, '127.0.0.1');
    await once(inner, 'listening');
    return (inner.address() as AddressInfo).port;
  };
  const down = async (): Promise<void> => {
    if (!state.open) return;
    state.open = false;
    await new Promise<void>((resolve) => state.server.close(resolve));
  };
  const port = await listen(0);

  return {
    url: `smtp://127.0.0.1:${port}`,
    port,
    received,
    next: ({ to, timeoutMs = 10_000 } = {}) => {
      const wanted = to?.toLowerCase() ?? null;
      const index = unclaimed.findIndex((mail) => wanted === null || mail.to === wanted);
      const [there] = index === -1 ? [] : unclaimed.splice(index, 1);
      if (there !== undefined) return Promise.resolve(there);
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(one);
          const seen = received.map((mail) => `${mail.to} (${mail.subject})`).join(', ') || 'none';
          reject(new Error(`No mail to ${to ?? 'anybody'} came; came: ${seen}`));
        }, timeoutMs);
        const one: Waiting = {
          to: wanted,
          give: (mail) => {
            clearTimeout(timer);
            waiting.delete(one);
            resolve(mail);
          },
        };
        waiting.add(one);
      });
    },
    behave: (change) => void Object.assign(behaviour, change),
    down,
    up: async () => {
      if (state.open) return;
      state.server = create();
      await listen(port);
      state.open = true;
    },
    close: down,
  };
}

async function parsed(
  raw: Buffer,
  envelope: Pick<ReceivedMail, 'to' | 'from' | 'encrypted'>,
): Promise<ReceivedMail> {
  const email = await PostalMime.parse(raw);
  const text = email.text ?? '';
  return {
    ...envelope,
    subject: email.subject ?? '',
    text,
    html: email.html ?? '',
    messageId: email.messageId ?? '',
    code: /(?<![\w.-])\d{6}(?![\w-])/.exec(text)?.[0] ?? '',
    headers: Object.fromEntries(email.headers.map(({ key, value }) => [key.toLowerCase(), value])),
    raw: raw.toString('utf8'),
    email,
  };
}
