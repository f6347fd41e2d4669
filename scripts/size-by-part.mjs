// What each source file adds to the script-tag file: what gzip -9 saves when all that came of it is cut out. What two files have in
// common is counted for neither, so the parts add up to a little less than the whole.
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { eachMapping, TraceMap } from '@jridgewell/trace-mapping'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const script = `${root}/dist/steadfast.min.js`
const [code = ''] = readFileSync(script, 'utf8').split('\n')
const sizeOf = (text) => gzipSync(text, { level: 9 }).length

/** Which file each stretch of the one line came from. */
const starts = []
eachMapping(new TraceMap(readFileSync(`${script}.map`, 'utf8')), ({ generatedLine, generatedColumn, source }) => {
  if (generatedLine === 1) starts.push({ at: generatedColumn, source: source?.replace(/^\.\.\//, '') ?? 'the bundler' })
})
const stretches = starts.map(({ at, source }, index) => ({ source, text: code.slice(at, starts[index + 1]?.at) }))

const whole = sizeOf(code)
const rows = [...new Set(stretches.map(({ source }) => source))].map((source) => {
  const without = stretches.filter((stretch) => stretch.source !== source).map(({ text }) => text)
  return { source, bytes: whole - sizeOf(without.join('')) }
})
for (const { source, bytes } of rows.sort((a, b) => b.bytes - a.bytes)) console.log(`${String(bytes).padStart(6)}  ${source}`)
console.log(`${String(whole).padStart(6)}  all of it`)
