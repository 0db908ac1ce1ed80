import type { ParamSchema } from 'express-validator';

/** A JSON Schema fragment, for the generated API description. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * One field's rule, said three ways side by side so that they can't drift apart:
 * `check` is what express-validator runs to explain a refusal, `accept` is the same judgement as a plain
 * function (a chat message passes here 10,000 times a second; express-validator takes 60 µs, this takes less
 * than one), `json` describes it to clients. tests/unit/validation.test.ts proves `check` and `accept` equal.
 */
export type Rule<T> = {
  readonly accept: (value: unknown) => boolean;
  readonly check: ParamSchema;
  readonly json: JsonSchema;
  /** Turns an accepted value into what services get. */
  readonly read: (value: unknown) => T;
  /** True: the field may be absent (undefined or null). */
  readonly optional: boolean;
};

const OBJECT_ID = /^[0-9a-f]{24}$/i;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;
// Deliberately plain: one @, nothing blank or invisible, a dotted domain. The mail itself is the real proof. No flag for
// letter case: with `u` it would take the long s and the Kelvin sign for letters of ASCII.
const EMAIL =
  /^[^\s@\p{C}<>(),;:"\\[\]]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}$/u;

/** No letter that only looks like another (full width, ligatures), which some mail server would take for it. */
function isEmail(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > 254 || /\p{Cc}/u.test(value)) return false;
  const address = value.trim().normalize('NFC');
  return EMAIL.test(address) && address.normalize('NFKC') === address;
}

/** Wraps a plain judgement for express-validator, so both run the very same function. */
function custom(accept: (value: unknown) => boolean, message: string): ParamSchema {
  return { custom: { options: (value: unknown) => accept(value), errorMessage: message, bail: true } };
}

function rule<T>(parts: Omit<Rule<T>, 'optional'>): Rule<T> {
  return { ...parts, optional: false };
}

/** The field may be left out; null counts as left out. */
export function optional<T>(inner: Rule<T>): Rule<T | undefined> {
  return { ...inner, optional: true, check: { ...inner.check, optional: { options: { values: 'null' } } } };
}

/** As `optional`, with a value for when it is absent. */
export function withDefault<T>(inner: Rule<T>, fallback: T): Rule<T> {
  const check = { ...inner.check, optional: { options: { values: 'null' as const } } };
  const read = (value: unknown) => (value === undefined || value === null ? fallback : inner.read(value));
  return { ...inner, check, read, optional: true, json: { ...inner.json, default: fallback } };
}

/** Characters as people count them: an emoji beyond the basic plane is one, not two. */
function characters(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i += 1) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      count -= 1;
      i += 1;
    }
  }
  return count;
}

function within(text: string, min: number, max: number): boolean {
  if (text.length >= min && text.length <= max && min <= 1) return true;
  if (text.length > max * 2) return false;
  const length = characters(text);
  return length >= min && length <= max;
}

/** What is stored: NULs gone (no database or C string may stumble), lone surrogates made whole, else as typed. */
function cleanText(text: string): string {
  const whole = text.isWellFormed() ? text : text.toWellFormed();
  return whole.includes('\0') ? whole.replaceAll('\0', '') : whole;
}

/** Free text of `min`–`max` characters (by code point) that is not blank unless `min` is 0. Kept as typed. */
export function text(size: { min?: number; max: number }): Rule<string> {
  const min = size.min ?? 1;
  const accept = (value: unknown): boolean =>
    typeof value === 'string' && within(value, min, size.max) && (min === 0 || /[^\s\0]/.test(value));
  return rule({
    accept,
    check: {
      isString: { bail: true, errorMessage: 'must be text' },
      ...custom(accept, `must have ${min} to ${size.max} characters and not be blank`),
    },
    json: { type: 'string', minLength: min, maxLength: size.max },
    read: (value) => cleanText(value as string),
  });
}

/** Text that must match `pattern` (linear-time patterns only: clients choose the text). */
export function pattern(expression: RegExp, message: string): Rule<string> {
  const accept = (value: unknown): boolean => typeof value === 'string' && expression.test(value);
  return rule({
    accept,
    check: {
      isString: { bail: true, errorMessage: 'must be text' },
      matches: { options: expression, errorMessage: message },
    },
    json: { type: 'string', pattern: expression.source },
    read: (value) => value as string,
  });
}

/** An ObjectId as 24 hex digits; read in lower case. */
export function objectId(): Rule<string> {
  const accept = (value: unknown): boolean => typeof value === 'string' && OBJECT_ID.test(value);
  return rule({
    accept,
    check: {
      isString: { bail: true, errorMessage: 'must be an id of 24 hex digits' },
      ...custom(accept, 'must be an id of 24 hex digits'),
    },
    json: { type: 'string', pattern: '^[0-9a-f]{24}$' },
    read: (value) => (value as string).toLowerCase(),
  });
}

export function uuid(): Rule<string> {
  const accept = (value: unknown): boolean => typeof value === 'string' && UUID.test(value);
  return rule({
    accept,
    check: { isString: { bail: true, errorMessage: 'must be a UUID' }, ...custom(accept, 'must be a UUID') },
    json: { type: 'string', format: 'uuid' },
    read: (value) => (value as string).toLowerCase(),
  });
}

/**
 * An e-mail address of at most 254 characters; read in the one form it is stored, compared, limited and written to in:
 * trimmed, composed, in lower case.
 */
export function email(): Rule<string> {
  return rule({
    accept: isEmail,
    check: {
      isString: { bail: true, errorMessage: 'must be an e-mail address' },
      ...custom(isEmail, 'must be an e-mail address'),
    },
    json: { type: 'string', format: 'email', maxLength: 254 },
    read: (value) => (value as string).trim().normalize('NFC').toLowerCase(),
  });
}

/** A whole number; also as decimal text, the way it arrives in a query string. */
export function integer(range: { min: number; max: number }): Rule<number> {
  const accept = (value: unknown): boolean => {
    if (typeof value === 'string' && !/^-?\d{1,16}$/.test(value)) return false;
    const number = typeof value === 'string' ? Number(value) : value;
    return (
      typeof number === 'number' && Number.isSafeInteger(number) && number >= range.min && number <= range.max
    );
  };
  return rule({
    accept,
    check: custom(accept, `must be a whole number from ${range.min} to ${range.max}`),
    json: { type: 'integer', minimum: range.min, maximum: range.max },
    read: (value) => Number(value),
  });
}

/** true or false; no text that looks like it. */
export function boolean(): Rule<boolean> {
  const accept = (value: unknown): boolean => typeof value === 'boolean';
  return rule({
    accept,
    check: custom(accept, 'must be true or false'),
    json: { type: 'boolean' },
    read: (value) => value as boolean,
  });
}

/** One of the named words. */
export function oneOf<const T extends string>(...words: readonly T[]): Rule<T> {
  const accept = (value: unknown): boolean =>
    typeof value === 'string' && (words as readonly string[]).includes(value);
  return rule({
    accept,
    check: {
      isString: { bail: true, errorMessage: 'must be text' },
      isIn: { options: [[...words]], errorMessage: `must be one of: ${words.join(', ')}` },
    },
    json: { type: 'string', enum: words },
    read: (value) => value as T,
  });
}

/** A list of ids, each once. */
export function objectIds(size: { min: number; max: number }): Rule<string[]> {
  const accept = (value: unknown): boolean =>
    Array.isArray(value) &&
    value.length >= size.min &&
    value.length <= size.max &&
    value.every((item) => typeof item === 'string' && OBJECT_ID.test(item));
  return rule({
    accept,
    check: custom(accept, `must be a list of ${size.min} to ${size.max} ids`),
    json: { type: 'array', minItems: size.min, maxItems: size.max, items: objectId().json },
    read: (value) => [...new Set((value as string[]).map((id) => id.toLowerCase()))],
  });
}

/** A rule of a shape that no other input shares: judgement, description and reading given whole. */
export function shaped<T>(parts: {
  accept: (value: unknown) => boolean;
  message: string;
  json: JsonSchema;
  read: (value: unknown) => T;
}): Rule<T> {
  return rule({
    accept: parts.accept,
    check: custom(parts.accept, parts.message),
    json: parts.json,
    read: parts.read,
  });
}
