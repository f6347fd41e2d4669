import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Evidence } from '../../src/api/evidence.ts'
import { diagnose } from '../../src/diagnosis/diagnose.ts'
import type { EngineName } from '../support/engines.ts'
import type { Deployment, Mode } from './fault.ts'
import { type Judged, type Score, scoresOf } from './score.ts'

/** The evidence of a fault in a browser, as recorded by `npm run test:faults -- --record`. */
interface Recording {
  readonly deployment: Deployment
  readonly fault: string
  readonly mode: Mode
  readonly expected: string
  readonly seen?: string
  readonly evidence: Evidence
}

const engines: readonly EngineName[] = ['chromium', 'firefox', 'webkit']

/** The current diagnoses of the recorded evidence, without a browser. */
export function rejudged(): readonly Judged[] {
  return engines.flatMap((engine) => {
    const path = join(import.meta.dirname, 'fixtures', `${engine}.json`)
    const recordings: readonly Recording[] = JSON.parse(readFileSync(path, 'utf8'))
    return recordings.map(({ evidence, ...recording }) => ({ ...recording, engine, told: diagnose(evidence) }))
  })
}

export function recordedCounts(): readonly Score[] {
  return scoresOf(rejudged())
}
