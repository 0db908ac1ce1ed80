/** Latencies in microseconds in about 1 % wide buckets: constant memory, a few nanoseconds to record. */
const STEPS_PER_OCTAVE = 64;
const OCTAVES = 34;

export function createHistogram() {
  const buckets = new Uint32Array(STEPS_PER_OCTAVE * OCTAVES);
  let count = 0;

  /** The value below which `fraction` of what was recorded lies, in milliseconds; null when nothing was. */
  function quantileMs(fraction) {
    if (count === 0) return null;
    let left = Math.ceil(fraction * count);
    for (let index = 0; index < buckets.length; index++) {
      left -= buckets[index];
      if (left <= 0) return 2 ** ((index + 0.5) / STEPS_PER_OCTAVE) / 1000;
    }
    return null;
  }

  return {
    record: (microseconds) => {
      count++;
      buckets[microseconds <= 1 ? 0 : (Math.log2(microseconds) * STEPS_PER_OCTAVE) | 0]++;
    },
    reset: () => {
      count = 0;
      buckets.fill(0);
    },
    summary: () => ({ count, p50: quantileMs(0.5), p99: quantileMs(0.99), p999: quantileMs(0.999) }),
  };
}
