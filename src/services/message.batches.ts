/** What the message log's inserts are planned from: one chat's queue. */
type Queue = {
  readonly queue: readonly unknown[];
  /** When an insert of this chat last failed, in milliseconds; 0 = never. */
  readonly troubledAt: number;
};

/** One command: which chats, and `each` how many of their messages at most. */
export type PlannedInsert<Q extends Queue> = { group: Q[]; ordered: boolean; each: number };

const DOCUMENTS_PER_INSERT = 400;
/** A troubled chat with so many messages waiting is worth a command of its own. */
const LONG_QUEUE = 4;
const TROUBLE_MS = 2_000;

/**
 * Calm chats travel together in one ordered insert, with all they have. After a failure nothing behind it is stored, so
 * a chat that has just had one (a repetition, a race with another node) goes apart from them for a while: with one
 * message in an unordered insert, where it holds up nobody, or in an ordered one of its own when its queue is long.
 */
export function planInserts<Q extends Queue>(ready: readonly Q[], now: number): PlannedInsert<Q>[] {
  const since = now - TROUBLE_MS;
  const calm = ready.filter((lane) => lane.troubledAt < since);
  const troubled = ready.filter((lane) => lane.troubledAt >= since);
  const short = troubled.filter((lane) => lane.queue.length < LONG_QUEUE);
  const long = troubled.filter((lane) => lane.queue.length >= LONG_QUEUE);
  return [
    ...chunks(calm, (lane) => lane.queue.length).map((group) => ({
      group,
      ordered: true,
      each: DOCUMENTS_PER_INSERT,
    })),
    ...chunks(short, () => 1).map((group) => ({ group, ordered: false, each: 1 })),
    ...long.map((lane) => ({ group: [lane], ordered: true, each: DOCUMENTS_PER_INSERT })),
  ];
}

/** Splits the lanes so that each group has about DOCUMENTS_PER_INSERT messages at most. */
function chunks<Q>(lanes: readonly Q[], sizeOf: (lane: Q) => number): Q[][] {
  const groups: Q[][] = [];
  let room = 0;
  for (const lane of lanes) {
    if (room <= 0) {
      groups.push([]);
      room = DOCUMENTS_PER_INSERT;
    }
    groups[groups.length - 1]?.push(lane);
    room -= sizeOf(lane);
  }
  return groups;
}
