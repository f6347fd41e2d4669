/** The results of experiments, and how they are printed. */
import { pathToFileURL } from 'node:url'

/**
 * @typedef {object} Row
 * @property {string} client
 * @property {string} value the measured value as text
 * @property {number | null} median `null` if it never happened
 * @property {string} [spread] the 10th and 90th percentiles, and the number of values
 *
 * @typedef {object} Check
 * @property {string} reach the limit as text
 * @property {string} value the actual value
 * @property {boolean} isMet
 *
 * @typedef {object} Result
 * @property {string} name
 * @property {string} title
 * @property {string} unit
 * @property {Row[]} rows
 * @property {Check[]} checks
 * @property {string} [measured] when, and on which machine
 *
 * @typedef {{ name: string, run: () => Promise<Result> }} Experiment
 */

/** @param {number} value @param {number} [digits] */
export const format = (value, digits = 0) =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })

/**
 * A row of a summary.
 * @param {string} client
 * @param {import('./stats.mjs').Summary} summary
 * @param {number} [digits]
 * @returns {Row}
 */
export function rowOf(client, { median, p10, p90, count }, digits = 0) {
  if (count === 0) return { client, value: 'never', median: null }
  const spread = `${format(p10, digits)}–${format(p90, digits)}, n = ${count}`
  return { client, value: format(median, digits), median, spread }
}

/** @param {Result} result */
export function show({ title, unit, rows, checks }) {
  const width = Math.max(...rows.map(({ client }) => client.length))
  const lines = rows.map(({ client, value, spread }) => `  ${client.padEnd(width)}  ${value}${spread ? `  (${spread})` : ''}`)
  const marks = checks.map(({ reach, value, isMet }) => `  ${isMet ? 'reached' : 'MISSED '}  ${reach}: ${value}`)
  console.log(`\n${title} [${unit}]\n${[...lines, ...marks].join('\n')}`)
}

/** @param {Result} result */
export const isReached = ({ checks }) => checks.every(({ isMet }) => isMet)

/**
 * Runs the experiment if its file is the main program, and exits with 1 if it misses a limit.
 * @param {ImportMeta} meta
 * @param {() => Promise<Result>} run
 */
export async function runAlone(meta, run) {
  if (process.argv[1] === undefined || meta.url !== pathToFileURL(process.argv[1]).href) return
  const result = await run()
  show(result)
  process.exitCode = isReached(result) ? 0 : 1
}
