/**
 * Two alternating measurements: each run is compared with the one next to it, because the load of a machine varies.
 */
import { median, quantile } from './stats.mjs'

/** A smaller number of rounds, for a first look. */
const { ROUNDS } = process.env

/**
 * @typedef {object} Rounds
 * @property {number} least
 * @property {number} most the maximum: on a busy machine the precision needs more rounds
 * @property {number} precision
 *
 * @typedef {object} Pairs
 * @property {number[]} raw
 * @property {number[]} ours
 * @property {number[]} rates the ratio of ours to raw in speed, or in work for the same cost
 */

/**
 * @param {Rounds} rounds
 * @param {() => Promise<number>} measureRaw the cost of one round, less is better
 * @param {() => Promise<number>} measureOurs
 * @returns {Promise<Pairs>}
 */
export async function measurePairs({ least, most, precision }, measureRaw, measureOurs) {
  /** @type {number[]} */
  const rates = []
  const { raw, ours } = await byTurns(measureRaw, measureOurs, (rawCost, oursCost) => {
    rates.push(rawCost / oursCost)
    if (ROUNDS !== undefined) return rates.length < Number(ROUNDS)
    return rates.length < least || (rates.length < most && errorOfMedian(rates) > precision)
  })
  return { raw, ours, rates }
}

/**
 * The same for rounds with many results.
 * @param {number} rounds
 * @param {() => Promise<number[]>} measureRaw
 * @param {() => Promise<number[]>} measureOurs
 */
export function measureDistributions(rounds, measureRaw, measureOurs) {
  let left = Number(ROUNDS ?? rounds)
  return byTurns(measureRaw, measureOurs, () => {
    left -= 1
    return left > 0
  })
}

/**
 * @template Result
 * @param {() => Promise<Result>} measureRaw
 * @param {() => Promise<Result>} measureOurs
 * @param {(raw: Result, ours: Result) => boolean} goesOn
 */
async function byTurns(measureRaw, measureOurs, goesOn) {
  /** @type {Result[]} */
  const raw = []
  /** @type {Result[]} */
  const ours = []
  // The first run of each is a warm-up.
  await measureRaw()
  await measureOurs()
  for (let isRawFirst = true, isOn = true; isOn; isRawFirst = !isRawFirst) {
    const first = await (isRawFirst ? measureRaw() : measureOurs())
    const second = await (isRawFirst ? measureOurs() : measureRaw())
    const pair = isRawFirst ? { raw: first, ours: second } : { raw: second, ours: first }
    raw.push(pair.raw)
    ours.push(pair.ours)
    isOn = goesOn(pair.raw, pair.ours)
  }
  return { raw, ours }
}

/**
 * The standard error of a median, estimated from the quartiles as for a normal distribution.
 * @param {readonly number[]} values
 */
export function errorOfMedian(values) {
  const deviation = (quantile(values, 0.75) - quantile(values, 0.25)) / 1.349
  return (1.2533 * deviation) / Math.sqrt(values.length)
}

/**
 * A check of the rates of pairs against their minimum.
 * @param {string} what
 * @param {readonly number[]} rates
 * @param {number} least
 * @returns {import('./report.mjs').Check}
 */
export function rateCheck(what, rates, least) {
  const rate = median(rates)
  return { reach: `≥ ${least} × ${what}`, value: sayRate(rates), isMet: rate >= least }
}

/** @param {readonly number[]} rates */
export function sayRate(rates) {
  return `${median(rates).toFixed(3)} × (± ${errorOfMedian(rates).toFixed(3)}, ${rates.length} pairs)`
}
