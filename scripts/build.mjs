// Builds the package into dist (or into another folder, for the test of reproducible builds), then writes the hashes of the
// script files into dist/integrity.json and README.md.
import { createHash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rollup } from 'rollup'
import { builds, scripts } from '../rollup.config.mjs'
import { writeReadmeHash } from './readme-hash.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const dist = `${root}/dist`
const [given = dist] = process.argv.slice(2)
// The folder is emptied first, so a mistyped option must not be taken for one.
if (given.startsWith('-')) throw new Error(`${given} is unknown: the only argument is the folder to build into.`)
const outDir = resolve(given)

rmSync(outDir, { recursive: true, force: true })
for (const { output, ...input } of builds(outDir)) {
  const bundle = await rollup({ ...input, onwarn: refuse })
  for (const each of [output].flat()) await bundle.write(each)
  await bundle.close()
}

const { version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'))
const hashOf = (name) =>
  `sha384-${createHash('sha384')
    .update(readFileSync(`${outDir}/${name}`))
    .digest('base64')}`
const integrity = { version, ...Object.fromEntries(Object.keys(scripts).map((name) => [name, hashOf(name)])) }
writeFileSync(`${outDir}/integrity.json`, `${JSON.stringify(integrity, null, 2)}\n`)
if (outDir === dist && writeReadmeHash()) console.log('README.md: the hash of the script tag was rewritten')

/** A warning of the bundler is a mistake in the sources: an unused import, a cycle, a name that nothing exports. */
function refuse(warning) {
  throw new Error(warning.message)
}
