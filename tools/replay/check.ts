import type { MessageView } from '../../src/contract/views.js';
import type { Observed } from './observer.js';
import type { Cue } from './script.js';

/** What is compared with what. */
export type Evidence = {
  cues: readonly Cue[];
  acknowledged: ReadonlyMap<number, MessageView>;
  /** As each node tells it by REST. */
  histories: readonly (readonly MessageView[])[];
  observers: readonly Observed[];
  /** The user who plays each nick, by id; null is the channel. */
  userOf: (nick: string | null) => string | undefined;
  /** One line at a time: seq order must be the log's. Otherwise only what each one said, and answers after what they answer. */
  strict: boolean;
  /** Live events come in order, then: between nodes they may overtake each other, and clients order by seq. */
  oneNode: boolean;
};

export type ObserverFindings = Omit<Observed, 'view'> & {
  delivered: number;
  missing: number;
  outOfOrder: number;
  /** Messages that differ from the history in id, text, sender or reply link. */
  differing: number;
};

export type Findings = {
  history: number;
  firstSeq: number;
  lastSeq: number;
  /** Seqs that nobody has. */
  gaps: number;
  /** Acknowledged, and not in the history as it was acknowledged. */
  lost: number;
  textsDiffering: number;
  repliesDiffering: number;
  sendersDiffering: number;
  duplicates: number;
  outOfOrder: number;
  nodesDiffering: number;
  observers: ObserverFindings[];
  /** The first few differences, for a person. */
  examples: string[];
};

const EXAMPLES = 10;

/** Judges a replay: the file against the history, the history of each node and each observer's view against each other. */
export function check(evidence: Evidence): Findings {
  const { cues, acknowledged, userOf } = evidence;
  const history = evidence.histories[0] ?? [];
  const examples: string[] = [];
  const note = (text: string): void => void (examples.length < EXAMPLES && examples.push(text));
  const byLine = groupByLine(history);
  const count = { lost: 0, texts: 0, replies: 0, senders: 0, duplicates: 0 };

  for (const cue of cues) {
    const found = byLine.get(cue.clientMessageId) ?? [];
    const [message] = found;
    const acked = acknowledged.get(cue.number);
    count.duplicates += Math.max(0, found.length - 1);
    if (message === undefined || (acked !== undefined && message._id !== acked._id)) {
      if (acked === undefined) continue;
      count.lost += 1;
      note(`line ${cue.number} was acknowledged as seq ${acked.seq} and is not in the history`);
      continue;
    }
    if (message.content.text !== cue.text) {
      count.texts += 1;
      note(`line ${cue.number}: ${JSON.stringify(cue.text)} became ${JSON.stringify(message.content.text)}`);
    }
    const answered = cue.answers === null ? null : (acknowledged.get(cue.answers)?._id ?? null);
    if ((message.replyTo?._id ?? null) !== answered) {
      count.replies += 1;
      note(`line ${cue.number} should answer line ${cue.answers ?? 'none'} (${answered})`);
    }
    if (message.sender.id !== userOf(cue.nick)) {
      count.senders += 1;
      note(`line ${cue.number} is shown as sent by ${message.sender.username}`);
    }
  }
  return {
    history: history.length,
    ...seqFindings(history),
    lost: count.lost,
    textsDiffering: count.texts,
    repliesDiffering: count.replies,
    sendersDiffering: count.senders,
    duplicates: count.duplicates,
    outOfOrder: outOfOrder(history, evidence),
    nodesDiffering: evidence.histories.filter((other) => differences(history, other) > 0).length,
    observers: evidence.observers.map((observed) => observerFindings(observed, { history, evidence, note })),
    examples,
  };
}

function groupByLine(messages: readonly MessageView[]): Map<string, MessageView[]> {
  const groups = new Map<string, MessageView[]>();
  for (const message of messages) {
    const key = message.clientMessageId ?? message._id;
    groups.set(key, [...(groups.get(key) ?? []), message]);
  }
  return groups;
}

function seqFindings(history: readonly MessageView[]): Pick<Findings, 'firstSeq' | 'lastSeq' | 'gaps'> {
  const firstSeq = history[0]?.seq ?? 0;
  const lastSeq = history[history.length - 1]?.seq ?? 0;
  return {
    firstSeq,
    lastSeq,
    gaps: history.length === 0 ? 0 : lastSeq - new Set(history.map((m) => m.seq)).size,
  };
}

function observerFindings(
  { view, ...counts }: Observed,
  {
    history,
    evidence,
    note,
  }: { history: readonly MessageView[]; evidence: Evidence; note: (text: string) => void },
): ObserverFindings {
  const mine = new Map(view.map((message) => [message._id, message]));
  const missing = history.filter((message) => !mine.has(message._id));
  for (const message of missing) note(`${counts.name} has not got seq ${message.seq}`);
  const known = history.filter((message) => mine.has(message._id));
  const overtaken = evidence.oneNode ? counts.overtaken : 0;
  return {
    ...counts,
    delivered: view.length,
    missing: missing.length,
    outOfOrder: outOfOrder(view, evidence) + overtaken,
    differing: differences(known, view),
  };
}

/** What a reader sees of a message, and where. */
function essence(message: MessageView): string {
  const { _id, seq, content, sender, replyTo } = message;
  return JSON.stringify([_id, seq, content.text, sender.id, replyTo?._id ?? null, replyTo?.seq ?? null]);
}

function differences(one: readonly MessageView[], other: readonly MessageView[]): number {
  const expected = new Set(one.map(essence));
  const same = other.filter((message) => expected.has(essence(message))).length;
  return Math.max(one.length, other.length) - same;
}

/** Messages, in seq order, that stand behind one they should stand before. */
function outOfOrder(messages: readonly MessageView[], { cues, strict }: Evidence): number {
  const cueOf = new Map(cues.map((cue) => [cue.clientMessageId, cue]));
  const latest = new Map<string | null, number>();
  const seen = new Set<number>();
  let wrong = 0;
  for (const { clientMessageId } of messages) {
    const cue = clientMessageId === null ? undefined : cueOf.get(clientMessageId);
    if (cue === undefined) continue;
    const speaker = strict ? 'all' : `nick ${cue.nick}`;
    const tooEarly = cue.answers !== null && !seen.has(cue.answers);
    if (tooEarly || cue.number < (latest.get(speaker) ?? -1)) wrong += 1;
    latest.set(speaker, Math.max(latest.get(speaker) ?? -1, cue.number));
    seen.add(cue.number);
  }
  return wrong;
}
