/** What an experiment says of itself, and how it is shown. */
import { pathToFileURL } from 'node:url'

/**
 * @typedef {object} Row
 * @property {string} client
 * @property {string} value what was measured, for people
 * @property {number | null} median `null`: it never happened
 * @property {string} [spread] from the tenth to the ninetieth of a hundred, and how many there were
 *
 * @typedef {object} Check
 * @property {string} reach what is asked, for people
 * @property {string} value what it was
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
 * Runs the experiment if its file is the program, and ends with 1 when it misses.
 * @param {ImportMeta} meta
 * @param {() => Promise<Result>} run
 */
export async function runAlone(meta, run) {
  if (process.argv[1] === undefined || meta.url !== pathToFileURL(process.argv[1]).href) return
  const result = await run()
  show(result)
  process.exitCode = isReached(result) ? 0 : 1
}
