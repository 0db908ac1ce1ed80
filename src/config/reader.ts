import { findSetting, settingGiven } from './aliases.js';
import { envTable, type EnvName, type EnvValues } from './env.js';
import { defaultFor, type Row } from './row.js';
import { createSource, type Found, type Source } from './source.js';
import type { ConfigProblem, NodeEnv } from './types.js';

/** The table read against one environment. A wrong value is reported and its default stands in for it. */
export type Reading = Readonly<{
  env: NodeEnv;
  values: EnvValues;
  /** Something was set, right or wrong. */
  given(name: EnvName): boolean;
  problems: ConfigProblem[];
}>;

const longestShown = 60;

/** A quotation of what was written, or only a word for it when it is or may hold a secret. */
function shown(row: Row<unknown>, text: string): string {
  if (row.secret === true || text.includes('@')) return 'Its value';
  return JSON.stringify(text.length > longestShown ? `${text.slice(0, longestShown)}…` : text);
}

function fixFor(row: Row<unknown>, env: NodeEnv): string {
  const standard = defaultFor(row, env);
  return `For example: ${row.example}. ${standard === null ? 'It may also be left out.' : `Left out, it is ${standard}.`}`;
}

function readRow(
  row: Row<unknown>,
  found: Found | null,
  { env, source }: { env: NodeEnv; source: Source },
): unknown {
  if (found !== null) {
    const parsed = row.parse(found.text);
    if ('value' in parsed) return parsed.value;
    const problem = `${shown(row, found.text)} ${parsed.problem}.`;
    source.report({ variable: found.variable, problem, fix: fixFor(row, env) });
  }
  const standard = defaultFor(row, env);
  if (standard === null) return null;
  const parsed = row.parse(standard);
  // The table's own defaults are proven to parse by a test.
  return 'value' in parsed ? parsed.value : null;
}

/** An unknown NODE_ENV is reported by its row; the rest is then checked as what was probably meant, at its strictest. */
function modeOf(found: Found | null): NodeEnv {
  const start = found?.text.toLowerCase().slice(0, 3) ?? 'dev';
  return (['development', 'test'] as const).find((mode) => mode.startsWith(start)) ?? 'production';
}

export function readTable(environment: NodeJS.ProcessEnv, cwd: string): Reading {
  const problems: ConfigProblem[] = [];
  const source = createSource(environment, cwd, (problem) => problems.push(problem));
  const env = modeOf(source.find('NODE_ENV'));
  const names = Object.keys(envTable) as EnvName[];
  const entries = names.map((name) => [
    name,
    readRow(envTable[name], findSetting(source, name), { env, source }),
  ]);
  // Each entry comes from the parser of its own row, which is what ValuesOf says of it.
  const values = Object.fromEntries(entries) as EnvValues;
  return { env, values, problems, given: (name) => settingGiven(source, name) };
}
