/**
 * Text of an environment variable → a typed value, or the words that say what is wrong with it.
 *
 * A problem completes the sentence that begins with the value: `"abc" is not a whole number`. It never repeats
 * the value itself, because the value may be a secret; the reader decides whether it may be shown.
 */
export type Parsed<T> = Readonly<{ value: T }> | Readonly<{ problem: string }>;
export type Parser<T> = (text: string) => Parsed<T>;

export const ok = <T>(value: T): Parsed<T> => ({ value });
export const bad = (problem: string): Parsed<never> => ({ problem });

/** Any text, as it is. */
export const text: Parser<string> = (raw) => ok(raw);

export function matching(pattern: RegExp, wanted: string): Parser<string> {
  return (raw) => (pattern.test(raw) ? ok(raw) : bad(`is not ${wanted}`));
}

const booleanWords: Readonly<Record<string, boolean>> = {
  on: true,
  true: true,
  yes: true,
  '1': true,
  off: false,
  false: false,
  no: false,
  '0': false,
};

function booleanOf(raw: string): boolean | undefined {
  const word = raw.toLowerCase();
  return Object.hasOwn(booleanWords, word) ? booleanWords[word] : undefined;
}

export const onOff: Parser<boolean> = (raw) => {
  const value = booleanOf(raw);
  return value === undefined ? bad('is neither on nor off') : ok(value);
};

/** on, off, or a third word that decides later: answered as null. */
export function onOffOr(word: string): Parser<boolean | null> {
  return (raw) => (raw.toLowerCase() === word ? ok(null) : onOff(raw));
}

export function oneOf<const T extends string>(...allowed: readonly T[]): Parser<T> {
  return (raw) => {
    const found = allowed.find((word) => word === raw.toLowerCase());
    return found === undefined ? bad(`is not one of: ${allowed.join(', ')}`) : ok(found);
  };
}

export function wholeNumber(min: number, max: number): Parser<number> {
  return (raw) => {
    const value = /^\d{1,15}$/.test(raw) ? Number(raw) : NaN;
    return value >= min && value <= max ? ok(value) : bad(`is not a whole number from ${min} to ${max}`);
  };
}

export function decimalNumber(min: number, max: number): Parser<number> {
  return (raw) => {
    const value = /^\d{1,9}(\.\d{1,9})?$/.test(raw) ? Number(raw) : NaN;
    return value >= min && value <= max ? ok(value) : bad(`is not a number from ${min} to ${max}`);
  };
}

const secondsPerUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
const durationForm = /^(\d{1,9})\s*(s|sec|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)?$/i;

/** `15m`, `7d`, `12 hours`, or a bare number of seconds. Answers seconds. */
export function duration(minSeconds: number, maxSeconds: number): Parser<number> {
  return (raw) => {
    const [, amount, unit] = durationForm.exec(raw) ?? [];
    if (amount === undefined) return bad('is not a duration such as 900 (seconds), 15m, 12h or 7d');
    const seconds = Number(amount) * (secondsPerUnit[(unit ?? 's').charAt(0).toLowerCase()] ?? 1);
    if (seconds < minSeconds) return bad(`is shorter than ${minSeconds} s`);
    return seconds > maxSeconds ? bad(`is longer than ${maxSeconds} s`) : ok(seconds);
  };
}

/** `5/15m`: five in fifteen minutes. */
export const rate: Parser<{ points: number; perSeconds: number }> = (raw) => {
  const wrong = bad('is not an allowance such as 100/15m (how many, then in what time)');
  const [points, per, ...rest] = raw.split('/').map((part) => part.trim());
  if (points === undefined || per === undefined || rest.length > 0) return wrong;
  const count = wholeNumber(1, 1_000_000)(points);
  const window = duration(1, 31 * 86_400)(per);
  return 'value' in count && 'value' in window
    ? ok({ points: count.value, perSeconds: window.value })
    : wrong;
};

/** A number of bytes, or `10MB`, `1 GiB`: a unit is always a power of 1,024. */
export function bytes(min: number, max: number): Parser<number> {
  return (raw) => {
    const [, amount, unit] = /^(\d{1,15})\s*([kmg])?(?:i?b)?$/i.exec(raw) ?? [];
    if (amount === undefined) return bad('is not a size in bytes such as 10485760 or 10MB');
    const value = Number(amount) * 1024 ** ('kmg'.indexOf(unit?.toLowerCase() ?? '?') + 1);
    return value >= min && value <= max ? ok(value) : bad(`is not from ${min} to ${max} bytes`);
  };
}

/** Comma-separated; blanks around entries and empty entries are dropped, and each is kept once. */
export function listOf<T>(entry: Parser<T>): Parser<readonly T[]> {
  return (raw) => {
    const texts = raw.split(',').map((part) => part.trim());
    const values: T[] = [];
    for (const one of texts.filter((part) => part !== '')) {
      const parsed = entry(one);
      if ('problem' in parsed) return texts.length > 1 ? bad(`has an entry that ${parsed.problem}`) : parsed;
      values.push(parsed.value);
    }
    return values.length === 0 ? bad('names nothing') : ok([...new Set(values)]);
  };
}

function urlOf(raw: string): URL | null {
  return URL.canParse(raw) ? new URL(raw) : null;
}

/** `https://host[:port]` and nothing more; answers it without the slash at the end. */
export const webOrigin: Parser<string> = (raw) => {
  const url = urlOf(raw);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return bad('is not an http:// or https:// address such as https://chat.example.org');
  }
  if (url.username !== '' || url.password !== '') return bad('must not contain a user name or password');
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    return bad('must be scheme, host and port alone, without a path');
  }
  return ok(url.origin);
};

/** What a browser or an app shell sends as `Origin`. Patterns are refused: credentials need exact origins. */
export const corsOrigin: Parser<string> = (raw) => {
  if (raw.includes('*')) return bad('uses *, which browsers refuse together with cookies: name each origin');
  if (raw.toLowerCase() === 'null') return bad('is "null", the origin of every sandboxed page');
  // App shells have their own schemes: capacitor://localhost, tauri://localhost.
  if (/^(?!https?:)[a-z][a-z0-9+.-]*:\/\/[a-z0-9.-]+$/i.test(raw)) return ok(raw.toLowerCase());
  return webOrigin(raw);
};

/** An address with one of these schemes that has a host. */
export function urlWith(...schemes: readonly string[]): Parser<string> {
  const wanted = schemes.map((scheme) => `${scheme}://`).join(' or ');
  return (raw) => {
    const url = urlOf(raw);
    if (url === null || !schemes.includes(url.protocol.slice(0, -1)))
      return bad(`is not an address that begins with ${wanted}`);
    return url.hostname === '' ? bad('names no host') : ok(raw);
  };
}

/** `smtp://` or `smtps://`, credentials and port inside, and of parameters `?tls=required` alone. */
export const smtpUrl: Parser<string> = (raw) => {
  const parsed = urlWith('smtp', 'smtps')(raw);
  if ('problem' in parsed) return parsed;
  const { username, password, searchParams } = new URL(raw);
  const unknown = [...searchParams].some(([name, value]) => name !== 'tls' || value !== 'required');
  if (unknown) return bad('has a parameter that is not understood: there is only ?tls=required');
  try {
    decodeURIComponent(username + password);
    return parsed;
  } catch {
    return bad('has a % in its user name or password that must be written as %25');
  }
};

// Several hosts, or a %-encoded socket path as host, are valid here and not for URL.
const mongoForm = /^mongodb(?:\+srv)?:\/\/(?:[^@/?\s]+@)?[^@/?\s]+(?:\/[^?\s]*)?(?:\?\S*)?$/;

export const mongoUri: Parser<string> = (raw) =>
  mongoForm.test(raw)
    ? ok(raw)
    : bad(
        'is not a mongodb:// or mongodb+srv:// address (special characters in the password must be percent-encoded)',
      );

const redisSeveral = {
  'redis-sentinel': /^redis-sentinel:\/\/(?:[^@/?\s]*@)?[^@/?\s]+\/[^/?\s]+\/?(?:\?\S*)?$/,
  'redis-cluster': /^redis-cluster:\/\/(?:[^@/?\s]*@)?[^@/?\s]+\/?(?:\?\S*)?$/,
};

export const redisUrl: Parser<string> = (raw) => {
  if (raw.startsWith('redis-sentinel:')) {
    return redisSeveral['redis-sentinel'].test(raw)
      ? ok(raw)
      : bad('is not of the form redis-sentinel://host:port,host:port/master-name');
  }
  if (raw.startsWith('redis-cluster:')) {
    return redisSeveral['redis-cluster'].test(raw)
      ? ok(raw)
      : bad('is not of the form redis-cluster://host:port,host:port');
  }
  return urlWith('redis', 'rediss')(raw);
};

/** `host` or `host:port`. */
export function hostAndPort(defaultPort: number): Parser<{ host: string; port: number }> {
  return (raw) => {
    const [, host, port] = /^(\[[0-9a-f:]+\]|[\w.-]+)(?::(\d{1,5}))?$/i.exec(raw) ?? [];
    const number = port === undefined ? defaultPort : Number(port);
    if (host === undefined || number < 1 || number > 65_535) return bad('is not a host or host:port');
    return ok({ host: host.replace(/^\[|\]$/g, ''), port: number });
  };
}

/** Base64 or base64url of exactly so many bytes; answered as given. */
export function base64Of(size: number): Parser<string> {
  return (raw) =>
    /^[A-Za-z0-9+/_-]+={0,2}$/.test(raw) && Buffer.from(raw, 'base64').length === size
      ? ok(raw)
      : bad(`is not the base64 form of ${size} bytes`);
}

/** `https://key@host/project`. */
export const sentryDsn: Parser<string> = (raw) => {
  const url = urlOf(raw);
  const fits = url !== null && /^https?:$/.test(url.protocol) && url.username !== '' && url.pathname !== '/';
  return fits ? ok(raw) : bad('is not a Sentry DSN such as https://key@host/project');
};
