import { Types } from 'mongoose';

export type Id = Types.ObjectId;

/** A stored id from its 24 hex digits (already validated at the door). */
export function toId(hex: string): Id {
  return Types.ObjectId.createFromHexString(hex);
}

export function newId(): Id {
  return new Types.ObjectId();
}

/** The smallest id that could have been made at `ms` (since 1970): ids begin with their second. */
export function firstIdAt(ms: number): Id {
  return Types.ObjectId.createFromTime(Math.max(0, Math.floor(ms / 1_000)));
}

/** MongoDB's code for "a unique index holds this already": how races are decided without transactions. */
export const DUPLICATE_KEY = 11000;

export function isDuplicateKey(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === DUPLICATE_KEY;
}

/** The field whose unique index refused a write: null when that is not what happened. */
export function duplicateField(error: unknown): string | null {
  if (!isDuplicateKey(error)) return null;
  const { keyPattern } = error as { keyPattern?: Record<string, unknown> };
  return Object.keys(keyPattern ?? {})[0] ?? '';
}
