/**
 * The raw logs of the Ubuntu IRC corpus: one line a message.
 *
 * Invariant: nothing is dropped or cleaned. `prefix + text` of each line, joined by line feeds, is the file again, and a
 * line's place in the list is the number that annotations call it by (from 0).
 */
export type LogLine = {
  kind: 'said' | 'action' | 'system';
  /** Null: the channel itself speaks. */
  nick: string | null;
  prefix: string;
  /** What is sent: whatever was said, exactly; an action as `* nick does`, a system line whole. */
  text: string;
};

export type IrcLog = {
  lines: LogLine[];
  /** The file ends with a line feed. */
  closed: boolean;
  /** Numbers of lines that are not UTF-8, which were read as windows-1252. */
  otherEncoding: number[];
};

const SAID = /^(\[\d\d:\d\d\] +<([^\s<>]+)> ?)(.*)$/s;
const ACTION = /^(\[\d\d:\d\d\] +)(\* ([^\s]+)(?: .*)?)$/s;

const LINE_FEED = 10;

/** Reads a file. Old logs mix encodings from line to line, so each is judged by itself. */
export function parseLog(bytes: Uint8Array): IrcLog {
  const closed = bytes.length > 0 && bytes[bytes.length - 1] === LINE_FEED;
  const pieces = bytes.length === 0 ? [] : split(closed ? bytes.subarray(0, -1) : bytes);
  const otherEncoding: number[] = [];
  const lines = pieces.map((piece, number) => {
    const utf8 = decodeUtf8(piece);
    if (utf8 === null) otherEncoding.push(number);
    return parseLine(utf8 ?? decodeWindows1252(piece));
  });
  return { lines, closed, otherEncoding };
}

export function parseLine(line: string): LogLine {
  const said = SAID.exec(line);
  if (said?.[1] !== undefined && said[2] !== undefined && said[3] !== undefined)
    return { kind: 'said', nick: said[2], prefix: said[1], text: said[3] };
  const action = ACTION.exec(line);
  if (action?.[1] !== undefined && action[2] !== undefined && action[3] !== undefined)
    return { kind: 'action', nick: action[3], prefix: action[1], text: action[2] };
  return { kind: 'system', nick: null, prefix: '', text: line };
}

/** The text of the file again. */
export function joinLog({ lines, closed }: Pick<IrcLog, 'lines' | 'closed'>): string {
  return lines.map(({ prefix, text }) => prefix + text).join('\n') + (closed ? '\n' : '');
}

/**
 * `a b -` says that line b answers line a; a = b starts a conversation. Answers what each answering line answers: when
 * it answers several, the last of them, since a message has one reply link. `further` counts the links left out so.
 * @throws Error naming the line that is not understood or out of range
 */
export function parseAnnotations(
  source: string,
  lineCount: number,
): { answers: Map<number, number>; further: number } {
  const answers = new Map<number, number>();
  let further = 0;
  source.split('\n').forEach((line, number) => {
    if (line.trim() === '') return;
    const parts = /^(\d+) +(\d+) +-\s*$/.exec(line);
    const [one, other] = [Number(parts?.[1]), Number(parts?.[2])];
    if (parts === null || one >= lineCount || other >= lineCount)
      throw new Error(`line ${number + 1} is not "a b -" with numbers of lines of the log: ${line}`);
    if (one === other) return;
    const [asked, answering] = [Math.min(one, other), Math.max(one, other)];
    const known = answers.get(answering);
    if (known !== undefined) further += 1;
    answers.set(answering, Math.max(known ?? 0, asked));
  });
  return { answers, further };
}

function split(bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let start = 0;
  for (;;) {
    const end = bytes.indexOf(LINE_FEED, start);
    if (end === -1) return [...pieces, bytes.subarray(start)];
    pieces.push(bytes.subarray(start, end));
    start = end + 1;
  }
}

/** Strict; a byte order mark is text like any other: some people's clients send one. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Null when it is not UTF-8. */
function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return UTF8.decode(bytes);
  } catch {
    return null;
  }
}

/** 0x80 to 0x9f, where windows-1252 differs from Latin-1. (Node 20's own decoder takes one for the other.) */
const C1 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

function decodeWindows1252(bytes: Uint8Array): string {
  const latin1 = Buffer.from(bytes).toString('latin1');
  return latin1.replace(/[\u0080-\u009f]/g, (character) => C1.charAt(character.charCodeAt(0) - 0x80));
}
