import type {
  ChangesInput,
  HistoryInput,
  HistoryMark,
  ReadInput,
  SendMessageInput,
  SyncInput,
} from '../contract/inputs.js';
import { input, type InputSchema } from '../platform/validation/input.js';
import {
  integer,
  objectId,
  objectIds,
  optional,
  shaped,
  text,
  uuid,
  withDefault,
  type Rule,
} from '../platform/validation/rule.js';

const MAX_SEQ = Number.MAX_SAFE_INTEGER - 1;
const ID = /^[0-9a-f]{24}$/i;
const DIGITS = /^\d{1,15}$/;

/** `"text"` or `{ text }`. */
function content(maxLength: number): Rule<string> {
  const words = text({ max: maxLength });
  const of = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as { text?: unknown }).text
      : value;
  return shaped<string>({
    accept: (value) => words.accept(of(value)),
    message: `must be text of 1 to ${maxLength} characters that is not blank, or an object with such a text`,
    json: { oneOf: [words.json, { type: 'object', properties: { text: words.json }, required: ['text'] }] },
    read: (value) => words.read(of(value)),
  });
}

/** A seq (digits), a message id (24 hex digits) or an ISO date. A year alone would be a seq. */
const historyMark = shaped<HistoryMark>({
  accept: (value) =>
    (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) ||
    (typeof value === 'string' &&
      value.length <= 40 &&
      (DIGITS.test(value) || ID.test(value) || isIsoDate(value))),
  message: 'must be a seq, a message id or an ISO 8601 date',
  json: {
    oneOf: [{ type: 'integer', minimum: 0 }, objectId().json, { type: 'string', format: 'date-time' }],
  },
  read: (value) => {
    if (typeof value === 'number') return { seq: value };
    const mark = value as string;
    if (DIGITS.test(mark)) return { seq: Number(mark) };
    return ID.test(mark) ? { messageId: mark.toLowerCase() } : { date: new Date(mark) };
  },
});

function isIsoDate(value: string): boolean {
  return (
    /^\d{4}-\d{2}-\d{2}([T ][\d:.]+(Z|[+-]\d{2}:?\d{2})?)?$/.test(value) && !Number.isNaN(Date.parse(value))
  );
}

export function sendMessageInput(limits: { maxMessageLength: number }): InputSchema<SendMessageInput> {
  return input<SendMessageInput>({
    chatId: objectId(),
    content: content(limits.maxMessageLength),
    clientMessageId: optional(uuid()),
    replyTo: optional(objectId()),
    mentions: optional(objectIds({ min: 0, max: 50 })),
  });
}

export const historyInput = input<HistoryInput>(
  {
    chatId: objectId(),
    before: optional(historyMark),
    after: optional(historyMark),
    around: optional(historyMark),
    limit: withDefault(integer({ min: 1, max: 100 }), 20),
  },
  (asked) =>
    [asked.before, asked.after, asked.around].filter((mark) => mark !== undefined).length > 1
      ? { field: 'before', message: 'after and around exclude each other' }
      : null,
);

export const changesInput = input<ChangesInput>({
  chatId: objectId(),
  since: withDefault(integer({ min: 0, max: MAX_SEQ }), 0),
  limit: withDefault(integer({ min: 1, max: 100 }), 100),
});

export const readInput = input<ReadInput>({ chatId: objectId(), seq: integer({ min: 0, max: MAX_SEQ }) });

const MAX_CHATS_NAMED = 5_000;

/** `{ chatId: rev }`. */
const revs = shaped<Record<string, number>>({
  accept: (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const entries = Object.entries(value);
    return (
      entries.length <= MAX_CHATS_NAMED &&
      entries.every(([id, rev]) => ID.test(id) && Number.isSafeInteger(rev) && (rev as number) >= 0)
    );
  },
  message: `must map at most ${MAX_CHATS_NAMED} chat ids to whole numbers`,
  json: { type: 'object', additionalProperties: { type: 'integer', minimum: 0 } },
  read: (value) =>
    Object.fromEntries(
      Object.entries(value as Record<string, number>).map(([id, rev]) => [id.toLowerCase(), rev]),
    ),
});

export const syncInput = input<SyncInput>({ chats: withDefault(revs, {}) });
