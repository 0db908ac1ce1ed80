/**
 * The logger of a running server, on winston.
 *
 * Invariants: nothing is written that `redact` has not seen; a logger never throws, never waits and never grows without
 * bound, whatever is logged and whatever happens to the disk or to the reader of stdout.
 */
import { join } from 'node:path';
import { Writable } from 'node:stream';
import winston from 'winston';
import { consoleLine, type LineParts } from './console-line.js';
import type { LogFields, Logger } from './logger.js';
import { maskText, redact } from './redact.js';
import { createRotatingFile } from './rotating-file.js';

type Level = 'error' | 'warn' | 'info' | 'debug';
const rank: Readonly<Record<Level, number>> = { error: 0, warn: 1, info: 2, debug: 3 };

/** The keys under which winston's parts hand a line to each other (package triple-beam). */
const LEVEL = Symbol.for('level');
const MESSAGE = Symbol.for('message');

type Info = LineParts & { [LEVEL]: Level; [MESSAGE]: string };

export type LoggerOptions = Readonly<{
  level: Level;
  /** Folder of combined.log and error.log, made when missing; null writes no files. */
  dir: string | null;
  /** A console for people; JSON otherwise. */
  development: boolean;
  nodeName: string;
  /** Where the console's lines go: stdout when absent, nowhere when null. */
  console?: NodeJS.WritableStream | null;
  /** A file is put aside before it grows beyond this (20 MB). */
  maxFileBytes?: number;
  /** Files kept of each kind, the current one included (14). */
  maxFiles?: number;
}>;

/** Writes what is waiting and closes the files; lines after that are dropped. */
export type ClosableLogger = Logger & { close(): Promise<void> };

/** A winston transport that hands whole lines to `write`; winston sees it as always ready, so nothing piles up in it. */
function transportTo(write: (info: Info) => void, level: Level): winston.transport {
  const stream = new Writable({
    objectMode: true,
    write(info: Info, _encoding, next) {
      write(info);
      next();
    },
  });
  return new winston.transports.Stream({ stream, level });
}

type ConsoleOut = Readonly<{ write(info: Info): void; flush(): void; detach(): void }>;

/** Falls silent for good when the reader of the stream is gone (EPIPE): the files go on. */
function createConsole(stream: NodeJS.WritableStream, development: boolean): ConsoleOut {
  const colour = 'isTTY' in stream && stream.isTTY === true;
  const reader = { gone: false };
  const onError = () => {
    reader.gone = true;
  };
  stream.on('error', onError);
  // Writing to a pipe or a file holds the process up each time: the lines of one turn go out together.
  const waiting: string[] = [];
  const flush = () => {
    const lines = waiting.splice(0).join('');
    if (!reader.gone && lines !== '') stream.write(lines);
  };
  process.on('exit', flush);
  return {
    write(info) {
      if (reader.gone) return;
      if (waiting.length === 0) setImmediate(flush);
      waiting.push(`${development ? consoleLine(info, colour) : info[MESSAGE]}\n`);
    },
    flush,
    detach() {
      flush();
      process.removeListener('exit', flush);
      reader.gone = true;
      stream.removeListener('error', onError);
    },
  };
}

const reserved = new Set(['timestamp', 'level', 'message', 'node']);

function lineOf(
  level: Level,
  message: string,
  extra: { node: string; fields: Record<string, unknown> },
): Info {
  const { node, fields } = extra;
  const line: Record<string, unknown> = { timestamp: new Date().toISOString(), level, message, node };
  for (const [key, value] of Object.entries(fields)) line[reserved.has(key) ? `${key}_` : key] = value;
  return { level, message, fields, [LEVEL]: level, [MESSAGE]: JSON.stringify(line) };
}

/** A bare Logger over `write`: levels, redaction, children. */
function loggerOver(
  write: (level: Level, message: string, fields: Record<string, unknown>) => void,
  level: Level,
): Logger {
  function withFields(bound: Record<string, unknown>): Logger {
    const at = (lineLevel: Level) => (message: string, fields?: LogFields) => {
      if (rank[lineLevel] > rank[level]) return;
      try {
        write(lineLevel, maskText(message), fields === undefined ? bound : { ...bound, ...redact(fields) });
      } catch {
        // What can't be logged is lost; who logs must not fail for it.
      }
    };
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (fields) => withFields({ ...bound, ...redact(fields) }),
    };
  }
  return withFields({});
}

/**
 * Console and, with a `dir`, `combined.log` (everything) and `error.log` (errors), one JSON object a line:
 * `{ timestamp, level, message, node, ...fields }`. Full files are put aside as `combined-<time>-<pid>.log`.
 */
export function createLogger(options: LoggerOptions): ClosableLogger {
  const { level, dir, development, nodeName, console: stream = process.stdout } = options;
  const { maxFileBytes: maxBytes = 20 * 1024 * 1024, maxFiles = 14 } = options;
  const out = stream === null ? null : createConsole(stream, development);
  const info = (lineLevel: Level, message: string, fields: Record<string, unknown>) =>
    lineOf(lineLevel, message, { node: nodeName, fields });
  const onTrouble = (error: unknown) =>
    out?.write(
      info('error', 'log files cannot be written; lines are lost until they can', redact({ dir, error })),
    );
  const fileAt = (name: string) =>
    dir === null ? [] : [createRotatingFile({ path: join(dir, name), maxBytes, maxFiles, onTrouble })];
  const combined = fileAt('combined.log');
  const errors = fileAt('error.log');
  const transports = [
    ...(out === null ? [] : [transportTo((line) => out.write(line), level)]),
    ...combined.map((file) => transportTo((line) => file.append(`${line[MESSAGE]}\n`), level)),
    ...errors.map((file) => transportTo((line) => file.append(`${line[MESSAGE]}\n`), 'error')),
  ];
  const inner = winston.createLogger({
    level,
    levels: rank,
    // Lines arrive finished; winston's default would turn them into JSON a second time.
    format: winston.format((line) => line)(),
    silent: transports.length === 0,
    transports,
  });
  inner.on('error', () => undefined);
  const state: { closing: Promise<void> | null } = { closing: null };

  async function close(): Promise<void> {
    await Promise.all([...combined, ...errors].map((file) => file.close()));
    out?.flush();
    // A write to a reader that has just gone reports so a turn later.
    await new Promise(setImmediate);
    out?.detach();
    inner.close();
  }

  const logger = loggerOver((lineLevel, message, fields) => {
    if (state.closing === null) inner.write(info(lineLevel, message, fields));
  }, level);
  return { ...logger, close: () => (state.closing ??= close()) };
}
