import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { codeOf } from './error-code.js';
import type { ConfigProblem } from './types.js';

/** What was written, and under which name, so that a mistake is reported where the person made it. */
export type Found = Readonly<{ variable: string; text: string }>;

/** The environment as a place to look names up in. */
export type Source = Readonly<{
  /** The trimmed text of `name` or of the file that `<name>_FILE` points to; null when there is none. */
  find(name: string): Found | null;
  /** True when something stands there, right or wrong. */
  given(name: string): boolean;
  report(problem: ConfigProblem): void;
}>;

function read(path: string): { text: string } | { why: string } {
  try {
    return { text: readFileSync(path, 'utf8').trim() };
  } catch (error) {
    const code = codeOf(error);
    return { why: code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})` };
  }
}

/**
 * @param env the environment; an empty or blank value counts as unset
 * @param cwd what relative paths of `_FILE` variables are relative to
 * @param report called once for every mistake found while looking up
 */
export function createSource(
  env: NodeJS.ProcessEnv,
  cwd: string,
  report: (problem: ConfigProblem) => void,
): Source {
  const seen = new Map<string, Found | null>();
  const textOf = (name: string): string => env[name]?.trim() ?? '';

  function lookUp(name: string): Found | null {
    const variable = `${name}_FILE`;
    const own = textOf(name);
    const path = textOf(variable);
    if (path === '') return own === '' ? null : { variable: name, text: own };
    if (own !== '') {
      report({ variable: name, problem: `is set, and so is ${variable}.`, fix: 'Remove one of the two.' });
      return null;
    }
    const file = read(resolve(cwd, path));
    if ('why' in file) {
      const problem = `points to a file that ${file.why}: ${path}.`;
      report({ variable, problem, fix: 'Correct the path, or let this user read the file.' });
      return null;
    }
    if (file.text === '') {
      report({ variable, problem: `points to an empty file: ${path}.`, fix: 'Put the value into the file.' });
      return null;
    }
    return { variable, text: file.text };
  }

  return {
    find(name) {
      const known = seen.get(name);
      if (known !== undefined) return known;
      const found = lookUp(name);
      seen.set(name, found);
      return found;
    },
    given: (name) => textOf(name) !== '' || textOf(`${name}_FILE`) !== '',
    report,
  };
}
