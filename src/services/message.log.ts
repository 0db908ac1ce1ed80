import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from '../platform/logging/logger.js';
import type { Clock } from '../platform/clock/clock.js';
import { within } from '../platform/clock/within.js';
import { AppError } from '../platform/errors/app-error.js';
import type { InsertOutcome, MessageDoc, MessageModel, Tail } from '../models/message.model.js';
import type { Id } from '../models/ids.js';
import { planInserts, type PlannedInsert } from './message.batches.js';

/**
 * The chat log: the only writer of `seq` and `rev` of new messages.
 *
 * Invariants, with any number of processes writing and any of them dying at any point:
 *  1. seq is 1, 2, 3 … per chat without a gap. A number is taken by inserting a message that bears it; the unique
 *     indexes on (chat, seq) and (chat, rev) decide between writers, and the loser takes the next number.
 *  2. A message is visible only when all messages before it are. Of one chat a process has one insert under way at a
 *     time, and several messages of one chat travel in an *ordered* insert only: a failure stores nothing behind it.
 *  3. `clientMessageId` is stored once per chat and sender, by unique index; a repetition answers the first message.
 *  4. Messages are handed to `onStored` in seq order, synchronously, after the journaled write.
 *
 * Batching is self-clocking: no timer. One round of inserts is under way (two under pressure); what arrives
 * meanwhile is the next.
 */
export type MessageLog<C> = {
  /** Stores a message as the chat's next. Rejects UNAVAILABLE when the database does not take it; it may be sent again. */
  append(draft: Draft, context: C): Promise<Appended>;
  /** Waits until nothing is under way; new messages are refused. */
  close(): Promise<void>;
};

export type Draft = Omit<MessageDoc, 'seq' | 'rev'>;
export type Appended = { message: MessageDoc; repeated: boolean };

type Waiting<C> = {
  readonly draft: Draft;
  readonly context: C;
  /** When it came, in milliseconds: bounds how long a failing database is tried. */
  readonly since: number;
  attempts: number;
  resolve: (appended: Appended) => void;
  reject: (error: Error) => void;
};

/** One chat's queue in this process. */
type Lane<C> = {
  readonly chat: Id;
  readonly key: string;
  /** Null: not known yet, or in doubt; read from the database before the next insert. */
  tail: Tail | null;
  queue: Waiting<C>[];
  busy: boolean;
  /** When an insert of this chat last failed, in milliseconds. */
  troubledAt: number;
};

/** A numbered message on its way into the database; `settled` once its sender has his answer or it is queued again. */
type Item<C> = { lane: Lane<C>; waiting: Waiting<C>; document: MessageDoc; settled: boolean };

type Deps<C> = {
  messages: Pick<MessageModel, 'insertBatch' | 'tails' | 'findByClientMessageId' | 'findById' | 'findMany'>;
  logger: Logger;
  clock: Clock;
  /** Called for each newly stored message, in seq order per chat. Must not throw. */
  onStored: (message: MessageDoc, context: C) => void;
};

/** A second round of inserts is begun beside the first only when so many chats wait: larger batches cost less each. */
const SECOND_ROUND_FROM = 256;
/** A message loses a race to another node at most this often before its sender is told to try again. */
const ATTEMPTS = 40;
/** How long an insert of unknown fate is tried again before its sender is told UNAVAILABLE. */
const PATIENCE_MS = 3_000;
const PAUSE_MS = 100;
/** A frozen database answers nothing; what it does with an abandoned command later, the next try finds out. */
const ANSWER_MS = 2_500;
const LANES_KEPT = 20_000;

export function createMessageLog<C>(deps: Deps<C>): MessageLog<C> {
  const lanes = new Map<string, Lane<C>>();
  const ready = new Set<Lane<C>>();
  const idle: (() => void)[] = [];
  let rounds = 0;
  let scheduled = false;
  let closing = false;

  function laneOf(chat: Id): Lane<C> {
    const key = chat.toHexString();
    let lane = lanes.get(key);
    if (lane === undefined) {
      lane = { chat, key, tail: null, queue: [], busy: false, troubledAt: 0 };
      lanes.set(key, lane);
      forgetOldLanes();
    }
    return lane;
  }

  function forgetOldLanes(): void {
    if (lanes.size <= LANES_KEPT) return;
    for (const lane of lanes.values()) {
      if (!lane.busy && lane.queue.length === 0) lanes.delete(lane.key);
      if (lanes.size <= LANES_KEPT * 0.9) return;
    }
  }

  function due(): boolean {
    return rounds === 0 ? ready.size > 0 : rounds === 1 && ready.size >= SECOND_ROUND_FROM;
  }

  /** After this turn's arrivals, so that one turn's messages share an insert. */
  function schedule(): void {
    if (scheduled || !due()) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      if (due()) void runRound();
    });
  }

  async function runRound(): Promise<void> {
    rounds += 1;
    const taken = [...ready];
    ready.clear();
    for (const lane of taken) lane.busy = true;
    await Promise.all(planInserts(taken, deps.clock()).map(runInsert));
    rounds -= 1;
    schedule();
    if (rounds === 0 && ready.size === 0) for (const tell of idle.splice(0)) tell();
  }

  async function runInsert({ group, ordered, each }: PlannedInsert<Lane<C>>): Promise<void> {
    const batch: Item<C>[] = [];
    try {
      const unknown = group.filter((lane) => lane.tail === null);
      if (unknown.length > 0) await learnTails(unknown);
      for (const lane of group) number(lane, each, batch);
      const outcomes = await inTime(
        deps.messages.insertBatch(
          batch.map((item) => item.document),
          ordered,
        ),
      );
      await applyOutcomes(batch, outcomes);
    } catch (error) {
      await recover(group, batch, error);
    } finally {
      for (const lane of group) release(lane);
    }
  }

  async function learnTails(unknown: Lane<C>[]): Promise<void> {
    const tails = await inTime(deps.messages.tails(unknown.map((lane) => lane.chat)));
    for (const lane of unknown) lane.tail = tails.get(lane.key) ?? { seq: 0, rev: 0 };
  }

  /** Takes up to `take` messages off the lane and gives them the next numbers. */
  function number(lane: Lane<C>, take: number, batch: Item<C>[]): void {
    let { seq, rev } = lane.tail ?? { seq: 0, rev: 0 };
    for (const waiting of lane.queue.splice(0, take)) {
      seq += 1;
      rev += 1;
      batch.push({ lane, waiting, document: { ...waiting.draft, seq, rev }, settled: false });
    }
  }

  async function applyOutcomes(batch: Item<C>[], outcomes: InsertOutcome[]): Promise<void> {
    const again: Item<C>[] = [];
    const repeated: Item<C>[] = [];
    batch.forEach((item, index) => {
      const outcome = outcomes[index];
      if (outcome === 'stored') {
        stored(item, item.document);
      } else if (outcome === 'repeated') {
        item.lane.troubledAt = deps.clock();
        repeated.push(item);
      } else {
        // Taken by another node, or not reached behind a failure: the tail is in doubt only in the first case.
        if (outcome === 'taken') {
          item.lane.troubledAt = deps.clock();
          item.lane.tail = null;
          item.waiting.attempts += 1;
        }
        again.push(item);
      }
    });
    requeue(again);
    for (const item of repeated) await answerRepeated(item);
  }

  function stored(item: Item<C>, message: MessageDoc): void {
    item.settled = true;
    const { lane, waiting } = item;
    if (lane.tail === null || message.seq > lane.tail.seq) lane.tail = { seq: message.seq, rev: message.rev };
    deps.onStored(message, waiting.context);
    waiting.resolve({ message, repeated: false });
  }

  function refused(item: Item<C>, error: AppError): void {
    item.settled = true;
    item.waiting.reject(error);
  }

  /** Back to the front of their lanes, in their old order. */
  function requeue(items: Item<C>[]): void {
    for (const item of items.reverse()) {
      if (item.waiting.attempts < ATTEMPTS) {
        item.settled = true;
        item.lane.queue.unshift(item.waiting);
      } else {
        refused(item, new AppError('UNAVAILABLE', { message: 'This chat is very busy. Please send again.' }));
      }
    }
  }

  /** The message is stored already: by an earlier try of this very insert (same _id), or by an earlier send. */
  async function answerRepeated(item: Item<C>): Promise<void> {
    const { _id, chat, sender, clientMessageId } = item.waiting.draft;
    const first = await inTime(
      clientMessageId === undefined
        ? deps.messages.findById(_id.toHexString())
        : deps.messages.findByClientMessageId({ chat, sender, clientMessageId }),
    );
    if (first === null) {
      refused(item, new AppError('UNAVAILABLE'));
    } else if (first._id.equals(_id)) {
      item.lane.tail = null;
      stored(item, first);
      item.lane.tail = null;
    } else {
      item.settled = true;
      item.waiting.resolve({ message: first, repeated: true });
    }
  }

  /**
   * The database failed and the fate of the unsettled is unknown: some may be stored. They are tried again with their own
   * _id, which finds what was stored, until their patience ends; then the sender is told, and may repeat it himself.
   */
  async function recover(group: Lane<C>[], batch: Item<C>[], error: unknown): Promise<void> {
    deps.logger.error('messages could not be stored', { count: batch.length, error });
    await settleStored(batch);
    for (const lane of group) lane.tail = null;
    requeue(batch.filter((item) => !item.settled));
    const deadline = deps.clock() - PATIENCE_MS;
    for (const lane of group) {
      for (const waiting of lane.queue.filter(({ since }) => since <= deadline)) {
        waiting.reject(new AppError('UNAVAILABLE', { cause: error, retryAfterSeconds: 2 }));
      }
      lane.queue = lane.queue.filter(({ since }) => since > deadline);
    }
    if (group.some((lane) => lane.queue.length > 0)) await pause(PAUSE_MS);
  }

  /** Of a batch of unknown fate, those that are stored after all, in seq order. What can't be found out now, a retry finds. */
  async function settleStored(batch: Item<C>[]): Promise<void> {
    const open = new Map(
      batch.filter((item) => !item.settled).map((item) => [item.document._id.toHexString(), item]),
    );
    if (open.size === 0) return;
    const found = await inTime(deps.messages.findMany([...open.keys()])).catch((): MessageDoc[] => []);
    for (const message of found.sort((a, b) => a.seq - b.seq)) {
      const item = open.get(message._id.toHexString());
      if (item !== undefined) stored(item, message);
    }
  }

  function release(lane: Lane<C>): void {
    lane.busy = false;
    if (lane.queue.length > 0) ready.add(lane);
  }

  return {
    append: (draft, context) =>
      new Promise<Appended>((resolve, reject) => {
        if (closing) {
          reject(new AppError('UNAVAILABLE', { message: 'The server is restarting. Please send again.' }));
          return;
        }
        const lane = laneOf(draft.chat);
        lane.queue.push({ draft, context, since: deps.clock(), attempts: 0, resolve, reject });
        if (!lane.busy) ready.add(lane);
        schedule();
      }),

    close: async () => {
      closing = true;
      if (rounds > 0 || ready.size > 0) await new Promise<void>((resolve) => idle.push(resolve));
    },
  };
}

function inTime<T>(asked: Promise<T>): Promise<T> {
  return within(asked, ANSWER_MS, 'The database');
}
