// What each source file adds to a script file: the bytes saved after gzip -9 without its code. Text common to two files counts
// for neither, so the parts add up to a little less than the whole. Then lower bounds of the size with the same code: without
// strings, and with one letter for each property that cannot be renamed (such code would not run). `npm run size -- --parts`
// prints the same by purpose of the sources.
import MagicString from 'magic-string'
import { parseAst } from 'rollup/parseAst'
import { sizeOf, sizesBy, stretchesOf } from './stretches.mjs'
import { propertyNames, walk } from './syntax.mjs'

const { code, stretches } = stretchesOf(process.argv[2] ?? 'steadfast.session.min.js')
const sizes = [...sizesBy((source) => source, stretches)].sort(([, a], [, b]) => b - a)
for (const [source, bytes] of sizes) print(bytes, source)
print(sizeOf(code), 'all of it')

const bare = new MagicString(code)
const ast = parseAst(code)
walk(ast, ({ type, value, start, end }) => {
  if (type === 'Literal' && typeof value === 'string') bare.overwrite(start, end, '""')
  if (type === 'TemplateElement' && start < end) bare.remove(start, end)
})
print(sizeOf(bare.toString()), 'if all texts were empty')
const letters = new Map()
for (const { key, isShorthand } of propertyNames(ast)) {
  if (!letters.has(key.name)) letters.set(key.name, String.fromCharCode(97 + (letters.size % 26)))
  if (!isShorthand) bare.overwrite(key.start, key.end, letters.get(key.name))
}
print(sizeOf(bare.toString()), 'if all property names had one letter besides')

function print(bytes, what) {
  console.log(`${String(bytes).padStart(6)}  ${what}`)
}
