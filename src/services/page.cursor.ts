import { invalid } from '../platform/errors/app-error.js';

/** A place in a list that is ordered by time, newest first, and by id where times are equal. */
export type PageMark = { at: Date; id: string };

export type Page<T> = { items: T[]; nextCursor: string | null; hasMore: boolean };

/** Throws VALIDATION_FAILED for anything that a page of ours did not answer as its cursor. */
export function markOf(cursor: string | undefined): PageMark | null {
  if (cursor === undefined) return null;
  const [, at, id] = /^(\d{1,15}):([0-9a-f]{24})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (at === undefined || id === undefined)
    throw invalid({ field: 'cursor', message: 'is not a cursor of this list' });
  return { at: new Date(Number(at)), id };
}

/** A page of what was read with one more than its `limit`. */
export function pageOf<T>(read: readonly T[], limit: number, mark: (last: T) => PageMark): Page<T> {
  const items = read.slice(0, limit);
  const last = items.at(-1);
  const hasMore = read.length > limit;
  return { items, hasMore, nextCursor: hasMore && last !== undefined ? encode(mark(last)) : null };
}

function encode({ at, id }: PageMark): string {
  return Buffer.from(`${at.getTime()}:${id}`).toString('base64url');
}
