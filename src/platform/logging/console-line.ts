/** One line for the eyes of a developer: short time, level, message, key=value, and a stack below it. */

const colours: Readonly<Record<string, string>> = { error: '31', warn: '33', info: '32', debug: '36' };

function inColour(text: string, code: string | undefined, wanted: boolean): string {
  return wanted && code !== undefined ? `\u001b[${code}m${text}\u001b[0m` : text;
}

function inline(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  return typeof value === 'string' && /[\s"=]/.test(text) ? JSON.stringify(text) : text;
}

/** Errors come as `{ name, message, stack, … }`: the stack says all of it. */
function stackOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('stack' in value) || typeof value.stack !== 'string')
    return null;
  const cause = 'cause' in value ? stackOf(value.cause) : null;
  return cause === null ? value.stack : `${value.stack}\ncaused by ${cause}`;
}

export type LineParts = Readonly<{
  level: string;
  message: string;
  fields: Readonly<Record<string, unknown>>;
}>;

/** @param fields redacted already */
export function consoleLine({ level, message, fields }: LineParts, colour: boolean): string {
  const time = new Date().toTimeString().slice(0, 8);
  const pairs: string[] = [];
  const stacks: string[] = [];
  for (const [key, value] of Object.entries(fields)) {
    const stack = stackOf(value);
    if (stack !== null) stacks.push(`  ${stack.replaceAll('\n', '\n  ')}`);
    else if (value !== undefined) pairs.push(inColour(`${key}=${inline(value)}`, '2', colour));
  }
  const head = [
    inColour(time, '2', colour),
    inColour(level.padEnd(5), colours[level], colour),
    message,
    ...pairs,
  ];
  return [head.join(' '), ...stacks].join('\n');
}
