/** Figures of several rounds, and how they are written. */

export function median(values) {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Median of the rounds with their range: `83 (81–90)`; `–` where nothing was measured. */
export function spread(values, digits = 0) {
  const known = values.filter((value) => value !== null && Number.isFinite(value));
  if (known.length === 0) return '–';
  const text = (value) => value.toFixed(digits);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  return known.length === 1 ? text(known[0]) : `${text(median(known))} (${text(low)}–${text(high)})`;
}

/** Quotients round by round: what slowed the machine down in a round slowed both sides. */
export const ratios = (over, under) => over.map((value, round) => value / under[round]);
