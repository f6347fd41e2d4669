import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { eachMapping, TraceMap } from '@jridgewell/trace-mapping'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** A script file: its code, and its stretches with the source of each. */
export function stretchesOf(name) {
  const script = `${root}/dist/${name}`
  const [code = ''] = readFileSync(script, 'utf8').split('\n')
  return { code, stretches: stretchesIn(code, readFileSync(`${script}.map`, 'utf8')) }
}

/** The stretches of code according to its source map: their text, and the path of the source in the package. */
export function stretchesIn(code, map) {
  const lineStarts = [0, ...Array.from(code.matchAll(/\n/g), ({ index }) => index + 1)]
  const starts = []
  eachMapping(new TraceMap(map), ({ generatedLine, generatedColumn, source }) => {
    const at = (lineStarts[generatedLine - 1] ?? code.length) + generatedColumn
    starts.push({ at, source: source?.replace(/^(\.\.\/)*/, '') ?? 'the bundler' })
  })
  return starts.map(({ at, source }, index) => ({ source, text: code.slice(at, starts[index + 1]?.at) }))
}

/** The size in bytes after gzip -9. */
export function sizeOf(text) {
  return gzipSync(text, { level: 9 }).length
}

/** What each group of sources adds: the bytes saved after gzip without it. Text common to two groups counts for neither. */
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
