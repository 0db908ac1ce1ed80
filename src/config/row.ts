import type { Parser } from './parsers.js';
import type { NodeEnv } from './types.js';

/** A default as the text that one would write in the environment; by NODE_ENV where it differs. */
export type Default = string | Readonly<Record<NodeEnv, string>>;

type About = Readonly<{
  /** One line for people: what it does, with its unit. */
  doc: string;
  example: string;
  /** Its value is never shown, not even in part. */
  secret?: boolean;
}>;

/** One variable. `T` is what its reader answers; null belongs to it when there is no default. */
export type Row<T> = About & Readonly<{ parse: Parser<T>; default: Default | null }>;
export type Table = Readonly<Record<string, Row<unknown>>>;
export type ValuesOf<Rows extends Table> = {
  readonly [Name in keyof Rows]: Rows[Name] extends Row<infer T> ? T : never;
};

/** A variable that always has a value. */
export function setting<T>(parse: Parser<T>, about: About & Readonly<{ default: Default }>): Row<T> {
  return { ...about, parse };
}

/** A variable that is null when it is not set. */
export function optional<T>(parse: Parser<T>, about: About): Row<T | null> {
  return { ...about, parse, default: null };
}

export function defaultFor(row: Row<unknown>, env: NodeEnv): string | null {
  return row.default === null || typeof row.default === 'string' ? row.default : row.default[env];
}
