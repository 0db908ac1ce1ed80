/**
 * What a benchmark message says: `@@`, who sent it, his how-manieth it is, when, and filling. All of fixed width, so
 * that a receiver reads it out of the raw packet without decoding anything.
 */
import { randomBytes } from 'node:crypto';

const MARK = '@@';
const AT = 64;
const SENDER_DIGITS = 4;
const NUMBER_DIGITS = 8;
const TIME_DIGITS = 12;
const STAMP_LENGTH = MARK.length + SENDER_DIGITS + NUMBER_DIGITS + TIME_DIGITS;
const FILLING = ' See you at the station at nine; bring the tickets and the umbrella, please.';

/** Microseconds since this process started. */
export const nowMicroseconds = () => Math.round(performance.now() * 1000);

/** @param {{ sender: number, number: number, time: number }} stamp `time` by `nowMicroseconds` */
export function stampedText({ sender, number, time }) {
  return (
    MARK +
    String(sender).padStart(SENDER_DIGITS, '0') +
    String(number).padStart(NUMBER_DIGITS, '0') +
    String(time).padStart(TIME_DIGITS, '0') +
    FILLING
  );
}

/** A reader of stamps; it remembers where the last one stood, as packets of one server look alike. */
export function createStampReader() {
  let offset = 0;
  const stamp = { sender: 0, number: 0, time: 0 };

  /** The stamp in bytes[start, end); the same object every time. Null when there is none. */
  return function readStamp(bytes, start, end) {
    let at = start + offset;
    if (bytes[at] !== AT || bytes[at + 1] !== AT) {
      at = bytes.indexOf(MARK, start, 'latin1');
      if (at === -1 || at + STAMP_LENGTH > end) return null;
      offset = at - start;
    }
    at += MARK.length;
    stamp.sender = readDigits(bytes, at, SENDER_DIGITS);
    stamp.number = readDigits(bytes, at + SENDER_DIGITS, NUMBER_DIGITS);
    stamp.time = readDigits(bytes, at + SENDER_DIGITS + NUMBER_DIGITS, TIME_DIGITS);
    return stamp;
  };
}

function readDigits(bytes, at, count) {
  let value = 0;
  for (let index = at; index < at + count; index++) value = value * 10 + bytes[index] - 48;
  return value;
}

/** UUIDs that differ from each other and from every other process's: random in front, counted behind. */
export function createUuids() {
  const random = randomBytes(8).toString('hex');
  const front = `${random.slice(0, 8)}-${random.slice(8, 12)}-4${random.slice(12, 15)}-8`;
  let count = 0;
  return () => {
    const tail = (++count).toString(16).padStart(15, '0');
    return `${front}${tail.slice(0, 3)}-${tail.slice(3)}`;
  };
}
