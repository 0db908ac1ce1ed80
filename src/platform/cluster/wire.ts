import type { JsonValue } from './topics.js';

/**
 * What nodes tell each other on the common channel. `seq` numbers everything a node sent there, from 1 without gaps,
 * so each hearer knows when it has missed something. `beat` also tells the number to those who have missed the last.
 */
export type Wire =
  | { kind: 'beat' | 'bye'; from: string; name: string; seq: number }
  /** `ask`: the sender waits for an answer with this number on its own channel. */
  | { kind: 'tell'; from: string; seq: number; topic: string; payload: JsonValue; ask?: number };

/** "Your question `ask` has been dealt with here." */
export type Answer = { from: string; ask: number };

/** Null for what is no message of ours, such as one of a newer version. */
export function readWire(text: string): Wire | null {
  const value = parse(text);
  if (value === null || typeof value.from !== 'string' || typeof value.seq !== 'number') return null;
  const known =
    value.kind === 'beat' ||
    value.kind === 'bye' ||
    (value.kind === 'tell' && typeof value.topic === 'string');
  return known ? (value as unknown as Wire) : null;
}

export function readAnswer(text: string): Answer | null {
  const value = parse(text);
  return value !== null && typeof value.from === 'string' && typeof value.ask === 'number'
    ? { from: value.from, ask: value.ask }
    : null;
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
