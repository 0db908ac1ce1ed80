/** Who must have heard what: finds lost, repeated and stray deliveries, whatever the order they come in. */

/** @param {number} people how many; each is known by his index */
export function createReceipts(people) {
  const newest = new Uint32Array(people * people);
  const missing = new Map();
  const totals = { owed: 0, heard: 0, repeated: 0, overtaken: 0 };

  return {
    /** A message was acknowledged, so `listeners` others must hear it. */
    owe: (listeners) => {
      totals.owed += listeners;
    },

    /** `receiver` heard message `number` (1, 2, 3 …) of `sender`. */
    hear: (receiver, sender, number) => {
      const slot = receiver * people + sender;
      const last = newest[slot];
      if (number > last) {
        for (let skipped = last + 1; skipped < number; skipped++) missing.set(`${slot}:${skipped}`, true);
        newest[slot] = number;
      } else if (missing.delete(`${slot}:${number}`)) {
        totals.overtaken++;
      } else {
        totals.repeated++;
        return;
      }
      totals.heard++;
    },

    settled: () => totals.heard >= totals.owed,
    /** `lost`: acknowledged and never heard. `strayed`: heard by somebody who should not. */
    summary: () => ({
      ...totals,
      lost: Math.max(0, totals.owed - totals.heard),
      strayed: Math.max(0, totals.heard - totals.owed),
    }),
  };
}
