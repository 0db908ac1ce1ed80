import { Types } from 'mongoose';

export type Id = Types.ObjectId;

/** A stored id from its 24 hex digits (already validated at the door). */
export function toId(hex: string): Id {
  return Types.ObjectId.createFromHexString(hex);
}

export function newId(): Id {
  return new Types.ObjectId();
}

/** MongoDB's code for "a unique index holds this already": how races are decided without transactions. */
export const DUPLICATE_KEY = 11000;

export function isDuplicateKey(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === DUPLICATE_KEY;
}
