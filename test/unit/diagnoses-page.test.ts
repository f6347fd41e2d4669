import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { diagnosesPage } from '../../scripts/diagnoses-page.mjs'
import * as table from '../../src/diagnosis/causes.ts'
import { remedies } from '../../src/diagnosis/remedies.ts'
import { leftOut } from '../faults/catalogue/left-out.ts'
import { equalEvidence, recordedCounts } from '../faults/recorded.ts'

const page = readFileSync(new URL('../../docs/DIAGNOSES.md', import.meta.url), 'utf8')

it('docs/DIAGNOSES.md is what `npm run docs` writes', () => {
  expect(page).toBe(diagnosesPage(table, remedies, { leftOut, counts: recordedCounts(), equal: equalEvidence() }))
})

it('docs/DIAGNOSES.md lists every cause', () => {
  for (const cause of Object.keys(table.causes)) expect(page).toContain(`| \`${cause}\` |`)
})

it('every remedy belongs to an existing cause', () => {
  const known = /^(http|close)\.\d+$/
  expect(Object.keys(remedies).filter((name) => !(name in table.causes) && !known.test(name))).toEqual([])
})
