import { AppError } from '../errors/app-error.js';
import { leaseSetKeptMs } from './redis-scripts.js';

/** A value: what `set` stores, and a lock's token. `endsAt`: milliseconds since 1970, Infinity = never. */
export class Text {
  constructor(
    readonly value: string,
    public endsAt: number,
  ) {}
}

export class Count {
  constructor(
    public value: number,
    public endsAt: number,
  ) {}
}

/** Tokens that were in the bucket after the last taking. */
export class Bucket {
  constructor(
    public level: number,
    public takenAt: number,
    public endsAt: number,
  ) {}
}

/**
 * Member → when its lease ends. Members whose lease has ended stay until they are reaped.
 * Most sets have one member for all their life (the nodes of a user, his sockets), so one is kept without a Map.
 */
export class LeaseSet {
  endsAt = Infinity;
  #only: string | null = null;
  #onlyEnds = 0;
  #many: Map<string, number> | null = null;
  #lastEnd = 0;

  get size(): number {
    return this.#many?.size ?? (this.#only === null ? 0 : 1);
  }

  endOf(member: string): number | undefined {
    if (this.#many !== null) return this.#many.get(member);
    return this.#only === member ? this.#onlyEnds : undefined;
  }

  add(member: string, endsAt: number): void {
    if (this.#many !== null) this.#many.set(member, endsAt);
    else if (this.#only === null || this.#only === member) {
      this.#only = member;
      this.#onlyEnds = endsAt;
    } else {
      this.#many = new Map([
        [this.#only, this.#onlyEnds],
        [member, endsAt],
      ]);
      this.#only = null;
    }
    this.#lastEnd = Math.max(this.#lastEnd, endsAt);
    this.endsAt = this.#lastEnd + leaseSetKeptMs;
  }

  delete(member: string): void {
    this.#many?.delete(member);
    if (this.#only === member) this.#only = null;
  }

  /** Members whose end passes, earliest first; equal ends by name, as Redis orders them. */
  inOrder(passes: (endsAt: number) => boolean): string[] {
    if (this.#many === null) return this.#only !== null && passes(this.#onlyEnds) ? [this.#only] : [];
    return [...this.#many]
      .filter(([, endsAt]) => passes(endsAt))
      .sort(([a, endA], [b, endB]) => endA - endB || (a < b ? -1 : 1))
      .map(([member]) => member);
  }
}

export type Entry = Text | Count | Bucket | LeaseSet;

const sweepEveryMs = 1_000;
const sweepBudgetMs = 5;
const sweepChunk = 500;

/** Keys with their time of expiry. No timer per key: one sweeper goes round, a few milliseconds a second at most. */
export class MemoryTable {
  readonly #entries = new Map<string, Entry>();
  readonly #clock: () => number;
  readonly #sweeper: NodeJS.Timeout;
  #round: MapIterator<[string, Entry]>;
  #open = true;

  constructor(clock: () => number) {
    this.#clock = clock;
    this.#round = this.#entries.entries();
    this.#sweeper = setInterval(() => {
      this.sweep();
    }, sweepEveryMs);
    this.#sweeper.unref();
  }

  now(): number {
    return this.#clock();
  }

  /** When something that lives `ttlMs` from now ends: whole milliseconds and at least one, as in Redis. */
  endsAt(ttlMs: number | undefined): number {
    return ttlMs === undefined ? Infinity : this.#clock() + Math.max(1, Math.ceil(ttlMs));
  }

  /** The living entry. Throws UNAVAILABLE when the store was closed. */
  find(key: string): Entry | undefined {
    if (!this.#open) this.assertOpen();
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.endsAt === Infinity || entry.endsAt > this.#clock()) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  put(key: string, entry: Entry): void {
    if (!this.#open) this.assertOpen();
    this.#entries.set(key, entry);
  }

  remove(key: string): boolean {
    return this.#entries.delete(key);
  }

  get size(): number {
    return this.#entries.size;
  }

  assertOpen(): void {
    if (!this.#open) throw new AppError('UNAVAILABLE', { cause: new Error('The key store was closed') });
  }

  /** Goes on where the last sweep stopped, until the round or the time is over. */
  sweep(): void {
    const now = this.#clock();
    const stopAt = performance.now() + sweepBudgetMs;
    let left = this.#entries.size;
    while (left > 0 && performance.now() < stopAt) {
      for (let inChunk = 0; inChunk < sweepChunk && left > 0; inChunk += 1, left -= 1) {
        const next = this.#round.next();
        if (next.done === true) this.#round = this.#entries.entries();
        else if (next.value[1].endsAt <= now) this.#entries.delete(next.value[0]);
      }
    }
  }

  close(): void {
    this.#open = false;
    clearInterval(this.#sweeper);
    this.#entries.clear();
  }
}
