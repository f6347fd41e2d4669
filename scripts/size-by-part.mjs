// What each source file adds to the script-tag file: what gzip -9 saves when all that came of it is cut out. What two files have in
// common is counted for neither, so the parts add up to a little less than the whole. Then how small it could become if no
// code went: without a single text, and with one letter for each property that has to be spelled out. Nothing of that would run.
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { eachMapping, TraceMap } from '@jridgewell/trace-mapping'
import MagicString from 'magic-string'
import { parseAst } from 'rollup/parseAst'
import { propertyNames, walk } from './syntax.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const script = `${root}/dist/${process.argv[2] ?? 'steadfast.session.min.js'}`
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

const bare = new MagicString(code)
const ast = parseAst(code)
walk(ast, ({ type, value, start, end }) => {
  if (type === 'Literal' && typeof value === 'string') bare.overwrite(start, end, '""')
  if (type === 'TemplateElement' && start < end) bare.remove(start, end)
})
const withoutTexts = sizeOf(bare.toString())
const letters = new Map()
for (const { key, isShorthand } of propertyNames(ast)) {
  if (!letters.has(key.name)) letters.set(key.name, String.fromCharCode(97 + (letters.size % 26)))
  if (!isShorthand) bare.overwrite(key.start, key.end, letters.get(key.name))
}
const withoutNames = sizeOf(bare.toString())
const parser = rows.filter(({ source }) => source.includes('eventsource-parser')).reduce((sum, { bytes }) => sum + bytes, 0)
console.log(`${String(withoutTexts).padStart(6)}  if all texts were empty`)
console.log(`${String(withoutNames).padStart(6)}  if all property names had one letter besides`)
console.log(`${String(withoutNames - parser).padStart(6)}  and without eventsource-parser`)
