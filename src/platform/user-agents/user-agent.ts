import Bowser from 'bowser';

/** What a User-Agent header tells of a device, in words that may be shown and mailed. */
export type DeviceWords = {
  /** "Firefox 128 on Linux", as far as it is known; never any other part of the header. */
  name: string;
  /** The same without the version, which changes every few weeks: what a device is recognised by. */
  family: string;
};

/** Nobody's header is longer; parsing costs time. */
const MAX_LENGTH = 400;
const BROWSERS: ReadonlySet<string> = new Set(Object.values(Bowser.BROWSER_MAP));
const SYSTEMS: ReadonlySet<string> = new Set(Object.values(Bowser.OS_MAP));

/** `okhttp/4.12`, `curl/8.5.0`: how programs that are no browsers call themselves. */
const PROGRAM = /^([a-z][a-z0-9_-]{1,30})(?:\/(\d{1,4})[\d.]*)?(?=[\s(;,]|$)/i;

/**
 * Reads a User-Agent header. The header is the client's to choose and the words end in mails and lists, so only names
 * of a closed list get through, or one plain word: no address, no sentence, no markup.
 */
export function readUserAgent(header: string): DeviceWords {
  const text = header.slice(0, MAX_LENGTH).trim();
  const { browser, version, system } = parse(text);
  const name = browser ?? 'Unknown client';
  const on = system === null ? '' : ` on ${system}`;
  return { name: `${name}${version === null ? '' : ` ${version}`}${on}`, family: `${name}${on}` };
}

type Parts = { browser: string | null; version: string | null; system: string | null };

function parse(text: string): Parts {
  if (text === '') return { browser: null, version: null, system: null };
  const { browser, os } = Bowser.parse(text);
  const system = os.name !== undefined && SYSTEMS.has(os.name) ? os.name : null;
  if (browser.name !== undefined && BROWSERS.has(browser.name)) {
    return { browser: browser.name, version: /^\d{1,4}/.exec(browser.version ?? '')?.[0] ?? null, system };
  }
  const [, program, version = null] = (text.startsWith('Mozilla/') ? null : PROGRAM.exec(text)) ?? [];
  return { browser: program ?? null, version: program === undefined ? null : version, system };
}
