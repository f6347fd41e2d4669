/**
 * Two measurements by turns: each has a neighbour in time with which it is compared, because a machine is not equally busy all
 * the time.
 */
import { median, quantile } from './stats.mjs'

/** Fewer, for a first look. */
const { ROUNDS } = process.env

/**
 * @typedef {object} Rounds
 * @property {number} least
 * @property {number} most as many as the precision needs: on a busy machine more
 * @property {number} precision
 *
 * @typedef {object} Pairs
 * @property {number[]} raw
 * @property {number[]} ours
 * @property {number[]} rates how many times as much ours does in the same time, or of the same costs
 */

/**
 * @param {Rounds} rounds
 * @param {() => Promise<number>} measureRaw what one round costs, the less the better
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
 * The same where a round has many results.
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
  // The first of each is the one in which everything warms up.
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
 * The standard error of a median, from the quartiles, as of a normal distribution.
 * @param {readonly number[]} values
 */
export function errorOfMedian(values) {
  const deviation = (quantile(values, 0.75) - quantile(values, 0.25)) / 1.349
  return (1.2533 * deviation) / Math.sqrt(values.length)
}

/**
 * What is asked of pairs, and what they were.
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
