/** @param {readonly number[]} values @param {number} share in [0, 1] */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const low = sorted[Math.floor(at)] ?? Number.NaN
  const high = sorted[Math.ceil(at)] ?? Number.NaN
  return low === high ? low : low + (high - low) * (at % 1)
}

/** @param {readonly number[]} values */
export const median = (values) => quantile(values, 0.5)

/**
 * The summary of a series of measurements.
 * @param {readonly number[]} values
 */
export const summarize = (values) => ({
  median: median(values),
  p10: quantile(values, 0.1),
  p90: quantile(values, 0.9),
  count: values.length,
})

/** @typedef {ReturnType<typeof summarize>} Summary */

/**
 * The same numbers in [0, 1) for the same seed (mulberry32).
 * @param {number} seed
 */
export function randomFrom(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
