import { inspect } from 'node:util';
import type { LogFields, Logger } from '../../src/platform/logging/logger.js';

/** A logger that keeps every line whole, as it was handed over: before anything is masked on its way to a file. */
export type CapturedLog = Readonly<{
  logger: Logger;
  lines: readonly { level: string; message: string; fields: LogFields }[];
  /** All of it as text, errors with their causes and stacks. */
  text(): string;
}>;

export function captureLog(): CapturedLog {
  const lines: { level: string; message: string; fields: LogFields }[] = [];
  const child = (shared: LogFields): Logger => {
    const at =
      (level: string) =>
      (message: string, fields: LogFields = {}): void =>
        void lines.push({ level, message, fields: { ...shared, ...fields } });
    return {
      ...{ debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
      child: (fields) => child({ ...shared, ...fields }),
    };
  };
  return {
    logger: child({}),
    lines,
    text: () => inspect(lines, { depth: null, maxArrayLength: null, maxStringLength: null }),
  };
}
