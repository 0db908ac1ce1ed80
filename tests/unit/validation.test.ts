import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { input } from '../../src/platform/validation/input.js';
import {
  boolean,
  email,
  integer,
  objectId,
  objectIds,
  oneOf,
  optional,
  pattern,
  shaped,
  text,
  uuid,
  withDefault,
  type Rule,
} from '../../src/platform/validation/rule.js';
import { loginInput, sessionRef, tokenInput } from '../../src/validators/auth.validator.js';
import * as credentialsInputs from '../../src/validators/credentials.validator.js';
import * as registrationInputs from '../../src/validators/registration.validator.js';
import * as chatInputs from '../../src/validators/chat.validator.js';
import * as messageInputs from '../../src/validators/message.validator.js';
import * as userInputs from '../../src/validators/user.validator.js';

const id = '0123456789abcdefABCDEF01';
const someUuid = 'f47ac10b-58cc-4372-a567-0e02b2c3d479';

const rules: Record<string, Rule<unknown>> = {
  text: text({ max: 5 }),
  'text that may be empty': text({ min: 0, max: 5 }),
  'text of two at least': text({ min: 2, max: 5 }),
  pattern: pattern(/^[a-c_]{1,3}$/, 'must be abc'),
  'pattern of code points': pattern(/^.{1,2}$/u, 'must be short'),
  objectId: objectId(),
  objectIds: objectIds({ min: 1, max: 2 }),
  'objectIds, none needed': objectIds({ min: 0, max: 1 }),
  uuid: uuid(),
  email: email(),
  integer: integer({ min: 0, max: 100 }),
  'integer of any sign': integer({ min: -5, max: Number.MAX_SAFE_INTEGER }),
  boolean: boolean(),
  oneOf: oneOf('member', 'admin'),
  shaped: shaped({
    accept: (value) => value === 1,
    message: 'must be one',
    json: { const: 1 },
    read: (value) => value,
  }),
};

/** Near misses of every rule, and what has fooled validators before. */
const edges: unknown[] = [
  ...[
    '',
    ' ',
    '\0',
    'a',
    'ab',
    'abc',
    'abcde',
    'abcdef',
    ' a ',
    'a\n',
    '\u00a0',
    '\ufeff',
    'a\0b',
    '👋👋👋👋👋',
  ],
  ...[
    '👋'.repeat(6),
    '\ud800',
    'a\udc00b',
    'e\u0301',
    '\u202eabc',
    '<b>',
    'toString',
    '__proto__',
    'constructor',
  ],
  ...[id, id.slice(1), `${id}0`, `0x${id.slice(2)}`, `0h${id.slice(2)}`, `${id}\n`, ` ${id.slice(1)}`],
  ...[
    '٠'.repeat(24),
    someUuid,
    someUuid.toUpperCase(),
    `{${someUuid}}`,
    `urn:uuid:${someUuid}`,
    `${someUuid}\n`,
  ],
  ...['00000000-0000-0000-0000-000000000000', 'f47ac10b-58cc-9372-a567-0e02b2c3d479'],
  ...['a@b.co', ' A@B.co ', 'a@b', '"a b"@c.de', 'a@[127.0.0.1]', 'ä@ö.de', 'a@b.co\n', 'a+b@c.de', '@'],
  ...[`${'a'.repeat(65)}@b.co`, `a@${'b.'.repeat(130)}co`, 'a@-b.co', 'a@b..co'],
  ...[
    '0',
    '5',
    '-5',
    '+5',
    ' 5',
    '5 ',
    '5.0',
    '1e2',
    '0x5',
    '٣',
    '100',
    '101',
    '00005',
    '-0',
    '9007199254740993',
  ],
  ...[0, -0, 1, 5, 100, 101, -1, 1.5, 1e21, NaN, Infinity, Number.MAX_SAFE_INTEGER, 2 ** 53, 5n],
  ...['true', 'false', true, false, null, undefined, 'member', 'Member', 'member ', 'owner'],
  ...[[], ['abc'], [id], [id, id], [id, id, id], [[id]], [1], [true], ['member'], ['a@b.co'], [someUuid]],
  ...[{}, { $ne: '' }, { length: 3 }, { 0: 'a', length: 1 }, { toString: 'x' }, { text: 'abc' }, new Date(0)],
  ...[Buffer.from('abc'), Object.create(null) as object, new Map<string, string>()],
];

const anything = fc.oneof(
  { arbitrary: fc.constantFrom(...edges), weight: 3 },
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom('a', ' ', '\0', '0', 'x', '-', '@', '.', '\ud83d', '\udc4b'),
    maxLength: 30,
  }),
  fc.stringMatching(/^[0-9a-fA-Fx]{24}$/),
  fc.uuid(),
  fc.emailAddress(),
  fc.integer().map(String),
  fc.integer({ min: -10, max: 110 }),
  fc.double(),
  fc.boolean(),
  fc.array(fc.constantFrom<unknown>(id, id.toLowerCase(), 'x', 1, null), { maxLength: 4 }),
  fc.jsonValue({ maxDepth: 3 }),
  fc.anything({ maxDepth: 2 }),
);

type Schema = ReturnType<typeof input>;

/** What express-validator makes of it, as the client is told. */
async function told(schema: Schema, raw: unknown): Promise<{ field: string; message: string }[]> {
  const error = await schema.explain(raw);
  expect(error.code).toBe('VALIDATION_FAILED');
  return error.details ?? [];
}

/** The plain judgement and express-validator's must be one. */
async function agree(schema: Schema, raw: unknown): Promise<void> {
  const details = await told(schema, raw);
  if (schema.accept(raw) === undefined) {
    expect(details.length).toBeGreaterThan(0);
    for (const { field, message } of details) {
      expect(Object.keys(schema.json.properties as object)).toContain(field);
      expect(message).not.toMatch(/Invalid value|undefined/);
    }
  } else {
    expect(details).toEqual([]);
  }
}

describe.each(Object.entries(rules))('%s', (_name, rule) => {
  const required = input<{ field: unknown }>({ field: rule });
  const lax = input<{ field: unknown }>({ field: optional(rule) });
  const filled = input<{ field: unknown }>({ field: withDefault(rule, 'the default') });

  test('judges as express-validator does', async () => {
    for (const edge of edges) await agree(required, { field: edge });
    await fc.assert(
      fc.asyncProperty(anything, (value) => agree(required, { field: value })),
      { numRuns: 150 },
    );
  });

  test('may be absent, as undefined or null, when it is optional; else it is asked for', async () => {
    for (const absent of [{}, { field: undefined }, { field: null }]) {
      expect(lax.accept(absent)).toEqual({});
      expect(filled.accept(absent)).toEqual({ field: 'the default' });
      expect(await told(lax, absent)).toEqual([]);
      expect(await told(filled, absent)).toEqual([]);
      expect(required.accept(absent)).toBeUndefined();
      expect((await told(required, absent)).map(({ field }) => field)).toEqual(['field']);
    }
    await fc.assert(
      fc.asyncProperty(anything, (value) => agree(lax, { field: value })),
      { numRuns: 50 },
    );
  });
});

describe('the inputs of the server', () => {
  const schemas = {
    ...{ loginInput, sessionRef, tokenInput },
    ...registrationInputs,
    ...credentialsInputs,
    ...chatInputs,
    ...userInputs,
    sendMessageInput: messageInputs.sendMessageInput({ maxMessageLength: 10 }),
    historyInput: messageInputs.historyInput,
    changesInput: messageInputs.changesInput,
    readInput: messageInputs.readInput,
    syncInput: messageInputs.syncInput,
  } as unknown as Record<string, Schema>;

  test.each(Object.keys(schemas))('%s: one judgement, whatever comes', async (name) => {
    const schema = schemas[name] as Schema;
    const fields = Object.keys(schema.json.properties as object);
    const record = fc.record(Object.fromEntries(fields.map((field) => [field, anything])), {
      requiredKeys: [],
    });
    await fc.assert(
      fc.asyncProperty(record, (raw) => agree(schema, raw)),
      { numRuns: 100 },
    );
  });

  test.each(['text', 7, true, [], [{}], Buffer.from('{}'), Symbol('x')])('%p is no input', async (raw) => {
    const schema = schemas.sendMessageInput as Schema;
    expect(schema.accept(raw)).toBeUndefined();
    expect(await told(schema, raw)).toEqual([{ field: '', message: 'must be an object' }]);
  });

  test('what is not in the schema is dropped', () => {
    const schema = input<{ name: string }>({ name: text({ max: 5 }) });
    const raw: unknown = JSON.parse('{"name":"ann","role":"admin","__proto__":{"role":"admin"}}');
    const accepted = schema.accept(raw);
    expect(accepted).toEqual({ name: 'ann' });
    expect((accepted as { role?: string }).role).toBeUndefined();
  });
});

describe('what is read', () => {
  test('text is kept as typed but for NULs and halves of characters', () => {
    const rule = text({ max: 100 });
    for (const kept of [' a ', '\r\n a\t', 'e\u0301', '\u202eabc', '<script>', '👩‍👩‍👧', '&amp;']) {
      expect(rule.read(kept)).toBe(kept);
    }
    expect(rule.read('a\0b\ud800')).toBe('ab\ufffd');
  });

  test('ids are read in lower case and each once, addresses trimmed and in lower case, numbers as numbers', () => {
    expect(objectId().read(id)).toBe(id.toLowerCase());
    expect(objectIds({ min: 1, max: 3 }).read([id, id.toLowerCase()])).toEqual([id.toLowerCase()]);
    expect(email().read(' Ann@Example.ORG ')).toBe('ann@example.org');
    expect(integer({ min: 0, max: 9 }).read('7')).toBe(7);
    expect(uuid().read(someUuid.toUpperCase())).toBe(someUuid);
  });

  test('of addresses that only look alike one is taken', () => {
    const one = email();
    expect(one.read('Jose\u0301@Example.org')).toBe(one.read('jos\u00e9@example.org'));
    expect(one.read('\u212aim@example.org')).toBe('kim@example.org');
    for (const plain of ['\u0430nn@example.org', '\u5b89@example.org', "o'neil+x/y@example.org"]) {
      expect([plain, one.accept(plain)]).toEqual([plain, true]);
    }
    for (const odd of [
      ...['\uff41nn@example.org', '\ufb01t@example.org', 'x\u200bx@example.org'],
      ...['x\u202ex@example.org', 'x\u00adx@example.org', 'x\ue000@example.org', 'x\ud800@example.org'],
      ...['ann@example\u017f.org', 'ann@example.or\uff47', 'ann@ex\u0430mple.org'],
      ...['ann@example.org\r\n', 'ann@example.org\nBcc: x@y.org', '\tann@example.org', 'ann\0@example.org'],
    ]) {
      expect([odd, one.accept(odd)]).toEqual([odd, false]);
    }
  });

  test('length is counted in characters, not in halves of them', () => {
    const five = text({ max: 5 });
    expect(five.accept('👋👋👋👋👋')).toBe(true);
    expect(five.accept('👋👋👋👋👋👋')).toBe(false);
    expect(text({ min: 2, max: 5 }).accept('👋')).toBe(false);
  });
});
