import type { IrcLog, LogLine } from './irc-log.js';

/** One line as it is played. */
export type Cue = {
  /** In the file, from 0. */
  number: number;
  /** Null: the channel. */
  nick: string | null;
  text: string;
  /** The number of the line it answers. */
  answers: number | null;
  /** Made once per message, so that sending again after a lost acknowledgement makes no second one. */
  clientMessageId: string;
};

export type Script = {
  cues: Cue[];
  /** Empty lines: no chat takes a message of nothing. */
  blank: number;
};

/** What is played of a log: every line that is not empty, in the log's order. */
export function scriptOf(
  { lines }: Pick<IrcLog, 'lines'>,
  answers: ReadonlyMap<number, number>,
  newId: () => string,
): Script {
  const cues: Cue[] = [];
  const played = new Set<number>();
  lines.forEach((line, number) => {
    const text = playable(line);
    if (text === null) return;
    const answered = answers.get(number);
    cues.push({
      number,
      nick: line.nick,
      text,
      answers: answered !== undefined && played.has(answered) ? answered : null,
      clientMessageId: newId(),
    });
    played.add(number);
  });
  return { cues, blank: lines.length - cues.length };
}

/** Somebody who said nothing is carried with his line's time and nick, which is something. */
function playable({ prefix, text }: LogLine): string | null {
  if (/\S/.test(text)) return text;
  return /\S/.test(prefix) ? prefix + text : null;
}
