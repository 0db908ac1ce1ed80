import { maskText } from '../logging/redact.js';
import type { JobRow } from './jobs.js';

/** How often a job's worker may die under it before the job is taken for the cause. */
export const MAX_CRASHES = 5;
/** How long a finished job's id is known. */
export const DONE_KEPT_MS = 3_600_000;
export const DEAD_KEPT_MS = 14 * 86_400_000;

/** How long the end of a process waits for jobs under way, and then for those it has told to stop. */
export const FINISH_MS = 2_500;
export const ABORT_MS = 1_000;

const LONGEST_REASON = 300;

/** Milliseconds before the try after number `attempt` (from 1). Spread, so that what failed together is not tried together. */
export function retryDelayMs({ backoff }: JobRow, attempt: number, random: () => number): number {
  const full = backoff.firstMs * backoff.factor ** (attempt - 1);
  return Math.round(full / 2 + random() * (full / 2));
}

/** What is kept of an error, in Redis or MongoDB: one masked line, because servers quote addresses and more. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return maskText(text.replace(/\s+/g, ' '), LONGEST_REASON);
}

/** The id a job is known by everywhere: its name in front, no colon (which BullMQ does not allow). */
export function jobIdOf(name: string, id: string): string {
  return `${name}.${encodeURIComponent(id)}`;
}
