// Writes the version and the hash of the built file into the script tag in README.md, if they differ.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const readme = `${root}/README.md`
const tag = /(\/steadfast@)[^/]+\/dist\/(steadfast(?:\.\w+)?\.min\.js)("\s+integrity=")[^"]*(")/g

/** Returns whether README.md was changed. */
export function writeReadmeHash() {
  if (!existsSync(readme)) return false
  const integrity = JSON.parse(readFileSync(`${root}/dist/integrity.json`, 'utf8'))
  const before = readFileSync(readme, 'utf8')
  const after = before.replace(
    tag,
    (_, at, name, middle, end) => `${at}${integrity.version}/dist/${name}${middle}${integrity[name]}${end}`,
  )
  if (after !== before) writeFileSync(readme, after)
  return after !== before
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeReadmeHash()
