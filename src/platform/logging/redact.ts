/**
 * What must never lie in a log: secrets, tokens, codes, e-mail addresses, what people write to each other.
 *
 * Two nets, because each alone has holes: a value under a telling key is dropped whole, whatever it is; inside any
 * other text, messages of errors and stacks included, what has the form of a secret is masked. Everything is also
 * bounded in depth and size, so that a line stays cheap and short whatever somebody logs. Nothing here throws.
 */
import { types } from 'node:util';

// By Node's own tests rather than `instanceof`: values may come from another realm.
const { isAnyArrayBuffer, isDate, isMap, isNativeError, isSet } = types;

const redacted = '[redacted]';
const maxDepth = 6;
const maxEntries = 50;
const maxText = 2_000;
const maxStack = 4_000;
/** Characters of one line's fields together. */
const maxTotal = 10_000;
/** Masked beyond what is kept, so that a secret cut in two by the limit is still seen whole. */
const margin = 600;

const secretPart =
  /password|passwd|passphrase|token|secret|authorization|cookie|refresh|credential|apikey|privatekey|encryptionkey|email|jwt|ticket|pushsubscription|(?:recovery|backup|mfa|otp|invite|verification)codes?$|^otp|otp$/;
const secretWhole = new Set([
  'code',
  'codes',
  'content',
  'text',
  'to',
  'body',
  'auth',
  'dsn',
  'sdp',
  'candidate',
  'draft',
]);

/** Names of fields come again and again: what each comes to is worked out once. */
const nameKept = 1_000;
const names = new Map<string, { masked: string; secret: boolean }>();

function nameOf(key: string): { masked: string; secret: boolean } {
  const known = names.get(key);
  if (known !== undefined) return known;
  const made = { masked: maskText(key, 100), secret: looksSecret(key) };
  if (names.size < nameKept && key.length <= 100) names.set(key, made);
  return made;
}

function looksSecret(key: string): boolean {
  const plain = key.toLowerCase().replace(/[-_\s]/g, '');
  return secretWhole.has(plain) || secretPart.test(plain);
}

/** ECONNREFUSED, NOT_FOUND, 11000: codes of errors are not codes of people. */
function isErrorCode(value: unknown): boolean {
  return typeof value === 'string'
    ? /^(?:E[A-Z]{3,}|[A-Z]+(?:_[A-Z]+)+)$/.test(value)
    : Number.isSafeInteger(value);
}

const suspicious =
  /eyJ|@|%40|\b(?:bearer|basic)\s|(?:pass|otp|token|secret|code|sig|key|email)[\w-]*["']?\s*[=:]/i;
const rules: readonly (readonly [RegExp, string])[] = [
  [/eyJ[\w-]{6,}(?:\.[\w-]*){0,4}/g, '[token]'],
  [/\b(Bearer\s+)[\w.~+/=-]+/gi, `$1${redacted}`],
  [/\b(Basic\s+)(?=[a-z+/]*[A-Z0-9])[A-Za-z0-9+/]{6,}={0,2}/g, `$1${redacted}`],
  [/([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s"'<>]{0,500}@/gi, `$1${redacted}@`],
  [
    /([?&][\w-]{0,20}(?:token|secret|signature|sig|password|otp|code|key|email)=)[^&\s"']+/gi,
    `$1${redacted}`,
  ],
  [
    /\b([\w-]{0,20}(?:password|passwd|otp|token|secret|api_?key)["']?\s{0,3}[:=]\s{0,3})(?:"[^"]{1,500}"|'[^']{1,500}')/gi,
    `$1${redacted}`,
  ],
  [/\b([\w-]{0,20}(?:password|passwd|otp|token|secret|api_?key)=)[^\s&"',;[]+/gi, `$1${redacted}`],
  // No slash in the name part: paths such as node_modules/@scope/name are no addresses.
  [
    /[^\s@<>"'(),:;=[\]{}/\\]{1,64}(?:@|%40)(?:[\p{L}\p{N}_-]{1,63}\.){0,8}(?:\p{L}{2,24}\b|localhost)/gu,
    '[email]',
  ],
];

/** The text with everything masked that has the form of a secret or of an e-mail address. */
export function maskText(text: string, maxLength: number = maxText): string {
  const looked = text.length > maxLength + margin ? text.slice(0, maxLength + margin) : text;
  let masked = looked;
  if (suspicious.test(looked)) for (const [pattern, by] of rules) masked = masked.replace(pattern, by);
  return masked.length > maxLength || looked.length < text.length ? `${masked.slice(0, maxLength)}…` : masked;
}

/** A copy that is safe to write; the state of one copying. */
type Walk = { left: number; above: unknown[] };

function spend(walk: Walk, text: string): string {
  if (walk.left <= 0) return '…';
  const kept = text.length > walk.left ? `${text.slice(0, walk.left)}…` : text;
  walk.left -= text.length;
  return kept;
}

function copyError(error: Error, walk: Walk): Record<string, unknown> {
  const copy: Record<string, unknown> = {
    name: spend(walk, maskText(error.name)),
    message: spend(walk, maskText(error.message)),
  };
  const { code, status } = error as { code?: unknown; status?: unknown };
  if (isErrorCode(code)) copy['code'] = code;
  if (typeof status === 'number') copy['status'] = status;
  if (typeof error.stack === 'string') copy['stack'] = spend(walk, maskText(error.stack, maxStack));
  if (error.cause !== undefined) copy['cause'] = copyValue(error.cause, walk);
  const { errors } = error as { errors?: unknown };
  if (Array.isArray(errors)) copy['errors'] = copyValue(errors.slice(0, 5), walk);
  return copy;
}

function copyEntries(entries: readonly (readonly [string, unknown])[], walk: Walk): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [key, value] of entries.slice(0, maxEntries)) {
    if (walk.left <= 0) break;
    copy[spend(walk, nameOf(key).masked)] = copyField(key, value, walk);
  }
  const more = entries.length <= maxEntries && walk.left > 0 ? 0 : entries.length - Object.keys(copy).length;
  if (more > 0) copy['…'] = `${more} more`;
  return copy;
}

function copyField(key: string, value: unknown, walk: Walk): unknown {
  if (typeof value === 'boolean' || value === null || value === undefined) return value;
  if (!nameOf(key).secret) return copyValue(value, walk);
  return key === 'code' && typeof value === 'string' && isErrorCode(value) ? value : redacted;
}

/** Enough of it to see that there is more. */
function firstOf<T>(values: Iterable<T>): T[] {
  const first: T[] = [];
  for (const value of values) {
    if (first.length > maxEntries) break;
    first.push(value);
  }
  return first;
}

/** ObjectIds, without knowing their package. */
function hexOf(value: object): string | null {
  if (!('toHexString' in value) || typeof value.toHexString !== 'function') return null;
  const hex: unknown = (value as { toHexString(): unknown }).toHexString();
  return typeof hex === 'string' ? hex : null;
}

function copyObject(value: object, walk: Walk): unknown {
  if (isNativeError(value) || value instanceof Error) return copyError(value, walk);
  if (isDate(value)) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof URL) return spend(walk, maskText(value.href));
  if (ArrayBuffer.isView(value) || isAnyArrayBuffer(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) {
    const items = value.slice(0, maxEntries).map((item) => (walk.left > 0 ? copyValue(item, walk) : '…'));
    return value.length > maxEntries ? [...items, `… ${value.length - maxEntries} more`] : items;
  }
  if (isSet(value)) return copyObject(firstOf(value), walk);
  if (isMap(value))
    return copyEntries(
      firstOf(value).map(([key, item]) => [String(key), item] as const),
      walk,
    );
  const hex = hexOf(value);
  if (hex !== null) return hex;
  return copyEntries(Object.entries(value), walk);
}

function copyValue(value: unknown, walk: Walk): unknown {
  switch (typeof value) {
    case 'string':
      return spend(walk, maskText(value));
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
    case 'undefined':
      return value;
    case 'bigint':
      return spend(walk, String(value));
    case 'object':
      break;
    case 'function':
    case 'symbol':
      return `[${typeof value}]`;
  }
  if (value === null) return null;
  if (walk.above.includes(value)) return '[circular]';
  if (walk.above.length >= maxDepth) return '[deep]';
  walk.above.push(value);
  try {
    return copyObject(value, walk);
  } catch {
    // A getter or a proxy of somebody else's object threw.
    return '[unreadable]';
  } finally {
    walk.above.pop();
  }
}

/** A bounded copy of a line's fields that holds no secrets; ready for JSON. */
export function redact(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const copy = copyValue(fields, { left: maxTotal, above: [] });
  return typeof copy === 'object' && copy !== null ? (copy as Record<string, unknown>) : { fields: copy };
}
