// Writes docs/DIAGNOSES.md from the sources: `npm run docs`.
import { writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { diagnosesPage } from './diagnoses-page.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const table = await load('src/diagnosis/causes.ts')
const { remedies } = await load('src/remedies.ts')
const { leftOut } = await load('test/faults/catalogue/left-out.ts')
const { recordedCounts } = await load('test/faults/recorded.ts')
writeFileSync(`${root}/docs/DIAGNOSES.md`, diagnosesPage(table, remedies, { leftOut, counts: recordedCounts() }))

/** A module in TypeScript, with all that it needs. */
async function load(path) {
  const { outputFiles } = await build({
    entryPoints: [`${root}/${path}`],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    // Where it looks for its files from.
    define: { 'import.meta.dirname': JSON.stringify(dirname(`${root}/${path}`)) },
  })
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString('base64')}`)
}
