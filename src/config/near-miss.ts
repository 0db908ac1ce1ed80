/**
 * Names that were probably misspelt. A variable with a wrong name is silently ignored by every other program, and
 * its owner then wonders why it does nothing.
 */

/** Insertions, deletions and replacements that lead from `a` to `b`. */
function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = (above[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    above = current;
  }
  return above[b.length] ?? 0;
}

/** Short names are near to too much that means something else: HOST to HOME, PORT to POST. */
function tolerance(name: string): number {
  if (name.length < 6) return 0;
  return name.length < 9 ? 1 : 2;
}

function nearest(name: string, known: readonly string[]): string | null {
  const bare = name.replace(/_FILE$/, '');
  for (const candidate of known) {
    const allowed = tolerance(candidate);
    // The length alone rules most out: a whole environment is compared with the whole table.
    if (Math.abs(candidate.length - bare.length) <= allowed && editDistance(bare, candidate) <= allowed)
      return candidate;
  }
  return null;
}

/**
 * @param names all names of the environment
 * @param known all names that mean something
 * @returns one line for each unknown name that is one or two letters from a known one
 */
export function misspelt(names: readonly string[], known: readonly string[]): string[] {
  const understood = new Set(known.flatMap((name) => [name, `${name}_FILE`]));
  return names.flatMap((name) => {
    if (understood.has(name) || !/^[A-Z][A-Z0-9_]*$/.test(name)) return [];
    const meant = nearest(name, known);
    return meant === null ? [] : [`${name} is not known and is ignored. Did you mean ${meant}?`];
  });
}
