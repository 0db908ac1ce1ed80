/** Extra facts of one log line. Values are redacted before they are written; never pass message text or tokens. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What every part of Parley may know about logging. The winston adapter lives beside this file. */
export type Logger = {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose every line carries `fields` too. */
  child(fields: LogFields): Logger;
};

/** A logger that writes nothing: for tests and for tools that print their own report. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
