// What a page pays for each script file: its size after gzip -9, held against a budget.
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

/** By script file. */
const budgets = {
  'steadfast.core.min.js': 28_500,
  'steadfast.min.js': 35_500,
  'steadfast.session.min.js': 42_300,
}

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const format = (number) => number.toLocaleString('en')
for (const [name, budget] of Object.entries(budgets)) {
  const file = readFileSync(`${root}/dist/${name}`)
  const bytes = gzipSync(file, { level: 9 }).length
  console.log(`${name}: ${format(bytes)} bytes after gzip -9 (${format(file.length)} before), of ${format(budget)} allowed`)
  if (bytes > budget) {
    console.error(`${name} is too large by ${format(bytes - budget)} bytes`)
    process.exitCode = 1
  }
}
