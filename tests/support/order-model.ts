import type { ChatView, MessageView } from '../../src/contract/views.js';
import type { Name, Place } from './order-script.js';

/** What must hold of a chat, whoever did what at once. Knows what was asked and answered; never asks by itself. */

/** One message as its sender knows it: one clientMessageId, sent once or many times. */
export type Attempt = {
  readonly clientMessageId: string;
  readonly text: string;
  readonly who: Name;
  readonly place: Place;
  readonly acknowledged: MessageView[];
  refused: boolean;
};

export type ChatModel = {
  readonly history: readonly MessageView[];
  /** Messages that are stored since the last look, in order. */
  grow(messages: readonly MessageView[]): void;
  /** An acknowledged read mark. */
  read(who: Name, seq: number): void;
  /** Joined at a moment between two looks; `wasIn`: perhaps he was in all the time. */
  joined(who: Name, options: { wasIn: boolean; lengthBefore: number }): void;
  left(who: Name): void;
  /** What the server says of the chat to this person, against what must be so. */
  judge(who: Name, view: ChatView): void;
};

/** `known`: the mark is at least here. `loose`: nothing is known up to here, since the moment of joining is not. */
type Mark = { known: number; loose: number };

export function createChatModel(
  idOf: (name: Name) => string,
  attempts: ReadonlyMap<string, Attempt>,
): ChatModel {
  const history: MessageView[] = [];
  const marks = new Map<Name, Mark>();
  const markOf = (who: Name): Mark => {
    const mark = marks.get(who) ?? { known: 0, loose: 0 };
    marks.set(who, mark);
    return mark;
  };
  /** Sending marks read up to one's own message. */
  const ownSeq = (who: Name): number => history.findLast(({ sender }) => sender.id === idOf(who))?.seq ?? 0;

  function assertGenuine(message: MessageView): void {
    const { seq, messageType, clientMessageId, content } = message;
    if (messageType === 'system') return;
    const attempt = attempts.get(clientMessageId ?? '');
    if (attempt === undefined) throw new Error(`Nobody has sent seq ${seq}, “${content.text ?? ''}”`);
    if (attempt.text !== content.text || idOf(attempt.who) !== message.sender.id)
      throw new Error(`Seq ${seq} is not what ${attempt.who} has sent: “${content.text ?? ''}”`);
    if (history.some((other) => other.clientMessageId === clientMessageId))
      throw new Error(`“${attempt.text}” is stored twice, at last as seq ${seq}`);
  }

  return {
    history,
    grow: (messages) => {
      for (const message of messages) {
        const next = history.length + 1;
        if (message.seq !== next) throw new Error(`Seq ${message.seq} stands where ${next} belongs`);
        assertGenuine(message);
        history.push(message);
      }
    },
    read: (who, seq) => {
      const mark = markOf(who);
      mark.known = Math.max(mark.known, seq);
    },
    joined: (who, { wasIn, lengthBefore }) => {
      const mark = markOf(who);
      mark.loose = history.length;
      if (!wasIn) mark.known = Math.max(mark.known, lengthBefore);
    },
    left: (who) => void marks.delete(who),
    judge: (who, view) => {
      const mark = markOf(who);
      mark.known = Math.max(mark.known, ownSeq(who));
      const { seq, lastReadSeq, unreadCount, latestMessage } = view;
      const says = `${who} is told seq ${seq}, lastReadSeq ${lastReadSeq}, unreadCount ${unreadCount}`;
      const exact = mark.known >= mark.loose;
      if (lastReadSeq > history.length)
        throw new Error(`${says}, which is beyond the end, ${history.length}`);
      if (exact ? lastReadSeq !== mark.known : lastReadSeq < mark.known || lastReadSeq > mark.loose)
        throw new Error(`${says}, but has read up to ${mark.known}${exact ? '' : `…${mark.loose}`}`);
      const id = idOf(who);
      const unread = history.filter((m) => m.seq > lastReadSeq && m.sender.id !== id).length;
      if (seq !== history.length || unreadCount !== unread)
        throw new Error(`${says}, but ${unread} of ${history.length} are unread`);
      if ((latestMessage?._id ?? null) !== (history.at(-1)?._id ?? null))
        throw new Error(`${says}, and the latest message is not the latest`);
      // Whatever it was when he joined: from now on it is known.
      marks.set(who, { known: lastReadSeq, loose: 0 });
    },
  };
}

/** Each acknowledgement of one message is of the same message, and that is in the history; a refused one is not. */
export function assertAttempts(
  attempts: Iterable<Attempt>,
  historyOf: (place: Place) => readonly MessageView[],
): void {
  for (const attempt of attempts) {
    const stored = historyOf(attempt.place).filter((m) => m.clientMessageId === attempt.clientMessageId);
    const says = `“${attempt.text}” of ${attempt.who}`;
    if (stored.length > 1) throw new Error(`${says} is stored ${stored.length} times`);
    for (const { _id, seq, content } of attempt.acknowledged) {
      const [one] = stored;
      if (one?._id !== _id || one.seq !== seq || content.text !== attempt.text)
        throw new Error(`${says} was acknowledged as seq ${seq} and is stored as ${one?.seq ?? 'nothing'}`);
    }
    if (attempt.acknowledged.length === 0 && attempt.refused && stored.length > 0)
      throw new Error(`${says} was refused by every answer, and is stored as seq ${stored[0]?.seq ?? 0}`);
  }
}
