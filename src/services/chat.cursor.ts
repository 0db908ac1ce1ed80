import { invalid } from '../platform/errors/app-error.js';

/** Opaque to clients: the activity time and id of the last chat of the page. */
export function encodeCursor(last: { at: Date; chatId: string }): string {
  return Buffer.from(`${last.at.getTime()}:${last.chatId}`).toString('base64url');
}

/** Throws VALIDATION_FAILED for anything that `encodeCursor` did not make. */
export function decodeCursor(cursor: string): { at: Date; chatId: string } {
  const match = /^(\d{1,15}):([0-9a-f]{24})$/.exec(Buffer.from(cursor, 'base64url').toString());
  if (match?.[1] === undefined || match[2] === undefined)
    throw invalid({ field: 'cursor', message: 'is not a cursor of this list' });
  return { at: new Date(Number(match[1])), chatId: match[2] };
}
