// What a page pays for the script-tag file: its size after gzip -9, held against the budget.
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const budgetBytes = 41_400

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const file = readFileSync(`${root}/dist/steadfast.min.js`)
const bytes = gzipSync(file, { level: 9 }).length
const format = (number) => number.toLocaleString('en')
console.log(
  `steadfast.min.js: ${format(bytes)} bytes after gzip -9 (${format(file.length)} before), of ${format(budgetBytes)} allowed`,
)
if (bytes > budgetBytes) {
  console.error(`too large by ${format(bytes - budgetBytes)} bytes`)
  process.exitCode = 1
}
