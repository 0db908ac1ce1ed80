import { createTransport } from 'nodemailer';
import { GiveUp } from '../queue/jobs.js';
import type { MailTransport, OutgoingMail } from './mail-transport.js';

type Options = {
  /** `smtp://[user:password@]host[:port]`, or `smtps:` for TLS from the first byte; `?tls=required` insists on STARTTLS. */
  url: string;
  /** Of the operator: an address, or `Name <address>`. */
  from: string;
  /** Accept certificates that can't be verified. Never in production. */
  anyCertificate: boolean;
};

const CONNECT_MS = 10_000;
/** Servers hold the answer back while they look a sender up or scan a mail. */
const SILENCE_MS = 30_000;
const CONNECTIONS = 5;

/**
 * Mail by SMTP over a pool of connections. Without `?tls=required` a server that offers STARTTLS is used with it, and one
 * that does not is believed. Whatever a server says about an error stays here: it quotes addresses.
 */
export function createSmtpTransport({ url, from, anyCertificate }: Options): MailTransport {
  const pool = createTransport({
    pool: true,
    ...serverOf(url),
    tls: { rejectUnauthorized: !anyCertificate, minVersion: 'TLSv1.2' },
    maxConnections: CONNECTIONS,
    dnsTimeout: CONNECT_MS,
    connectionTimeout: CONNECT_MS,
    greetingTimeout: CONNECT_MS,
    socketTimeout: SILENCE_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const { address, name } = splitSender(from);

  return {
    send: async (mail, { signal }) => {
      const to = safeAddress(mail.to);
      try {
        await pool.sendMail({
          ...contentOf(mail),
          from: { name, address },
          // As an object: text would be read as a list, and a comma would make one address two.
          to: { name: '', address: to },
          envelope: { from: address, to: [to] },
          signal,
        });
      } catch (error) {
        throw plainly(error);
      }
    },
    close: () => pool.close({ force: true }),
  };
}

function contentOf({ messageId, subject, text, html, language, at }: OutgoingMail) {
  return {
    messageId,
    subject: oneLine(subject),
    text,
    html,
    date: at,
    headers: {
      'Auto-Submitted': 'auto-generated',
      'X-Auto-Response-Suppress': 'All',
      'Content-Language': oneLine(language),
    },
  };
}

function serverOf(url: string) {
  const { protocol, hostname, port, username, password, searchParams } = new URL(url);
  const secure = protocol === 'smtps:';
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (secure ? 465 : 587) : Number(port),
    secure,
    requireTLS: searchParams.get('tls') === 'required',
    ...(username === ''
      ? {}
      : { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
  };
}

function splitSender(from: string): { name: string; address: string } {
  const [, name = '', address = from] = /^([^<]*)<([^<>]+)>$/.exec(from.trim()) ?? [];
  return { name: oneLine(name.replaceAll('"', '')), address: safeAddress(address) };
}

/** One address and nothing else: no list, no comment, no line break, no quoted name. */
function safeAddress(text: string): string {
  const address = text.trim();
  if (address.length > 254 || !/^[^\s\p{C}@<>()[\]\\,;:"]+@[^\s\p{C}@<>()[\]\\,;:"]+$/u.test(address)) {
    throw new GiveUp('This is no address that mail can be sent to.');
  }
  return address;
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
}

type SmtpError = { code?: unknown; responseCode?: unknown; command?: unknown };

/** What went wrong, by codes alone. A mail that the server refuses for good (5xx) is given up; a wrong password is not. */
function plainly(error: unknown): Error {
  if (error instanceof GiveUp) return error;
  const { code, responseCode, command } = (error ?? {}) as SmtpError;
  const parts = [
    typeof responseCode === 'number' ? `SMTP ${responseCode}` : 'The mail server could not be used',
    ...(typeof command === 'string' && /^[A-Z0-9 ]{1,20}$/i.test(command) ? [`at ${command}`] : []),
    ...(typeof code === 'string' && /^[A-Z_]{1,30}$/.test(code) ? [`(${code})`] : []),
  ];
  const refused = code === 'EENVELOPE' || code === 'EMESSAGE';
  const forGood = refused && typeof responseCode === 'number' && responseCode >= 500;
  return forGood ? new GiveUp(parts.join(' ')) : new Error(parts.join(' '));
}
