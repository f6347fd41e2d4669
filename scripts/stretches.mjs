import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { eachMapping, TraceMap } from '@jridgewell/trace-mapping'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** A script file: its one line of code, and which source each stretch of it came from. */
export function stretchesOf(name) {
  const script = `${root}/dist/${name}`
  const [code = ''] = readFileSync(script, 'utf8').split('\n')
  return { code, stretches: stretchesIn(code, readFileSync(`${script}.map`, 'utf8')) }
}

/** The stretches of code, by a source map of it: their text, and the path of the source from the folder of the package. */
export function stretchesIn(code, map) {
  const lineStarts = [0, ...Array.from(code.matchAll(/\n/g), ({ index }) => index + 1)]
  const starts = []
  eachMapping(new TraceMap(map), ({ generatedLine, generatedColumn, source }) => {
    const at = (lineStarts[generatedLine - 1] ?? code.length) + generatedColumn
    starts.push({ at, source: source?.replace(/^(\.\.\/)*/, '') ?? 'the bundler' })
  })
  return starts.map(({ at, source }, index) => ({ source, text: code.slice(at, starts[index + 1]?.at) }))
}

/** In bytes, after gzip -9. */
export function sizeOf(text) {
  return gzipSync(text, { level: 9 }).length
}

/** What each group of sources adds: what gzip saves when all that came of it is cut out. What two groups have in common counts for neither. */
export function sizesBy(groupOf, stretches) {
  const all = stretches.map((stretch) => ({ ...stretch, group: groupOf(stretch.source) }))
  const whole = sizeOf(all.map(({ text }) => text).join(''))
  const bytesWithout = (group) =>
    sizeOf(
      all
        .filter((stretch) => stretch.group !== group)
        .map(({ text }) => text)
        .join(''),
    )
  return new Map([...new Set(all.map(({ group }) => group))].map((group) => [group, whole - bytesWithout(group)]))
}
