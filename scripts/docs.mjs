// Writes docs/DIAGNOSES.md from the sources: `npm run docs`.
import { writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { diagnosesPage } from './diagnoses-page.mjs'
import { loadTypeScript } from './load-typescript.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const table = await loadTypeScript('src/diagnosis/causes.ts')
const { remedies } = await loadTypeScript('src/diagnosis/remedies.ts')
const { leftOut } = await loadTypeScript('test/faults/catalogue/left-out.ts')
const { equalEvidence, recordedCounts } = await loadTypeScript('test/faults/recorded.ts')
writeFileSync(
  `${root}/docs/DIAGNOSES.md`,
  diagnosesPage(table, remedies, { leftOut, counts: recordedCounts(), equal: equalEvidence() }),
)
