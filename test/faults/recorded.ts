import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { diagnose } from '../../src/diagnosis/diagnose.ts'
import type { Evidence } from '../../src/diagnosis/evidence.ts'
import type { EngineName } from '../support/engines.ts'
import { deployments, type Mode } from './fault.ts'
import { fixtureOf } from './fixtures.ts'
import { type Judged, type Score, scoresOf } from './score.ts'

/** What a browser saw of a fault, as `npm run test:faults -- --record` has written it. */
interface Recording {
  readonly fault: string
  readonly mode: Mode
  readonly expected: string
  readonly evidence: Evidence
}

const engines: readonly EngineName[] = ['chromium', 'firefox', 'webkit']

/** What is made of each recorded fault today, without a browser. */
export function rejudged(): readonly Judged[] {
  return deployments.flatMap((deployment) =>
    engines.flatMap((engine) => {
      const path = join(import.meta.dirname, 'fixtures', fixtureOf(engine, deployment))
      if (!existsSync(path)) return []
      const recordings: readonly Recording[] = JSON.parse(readFileSync(path, 'utf8'))
      return recordings.map(({ evidence, ...of }) => ({ ...of, engine, deployment, told: diagnose(evidence) }))
    }),
  )
}

export function recordedCounts(): readonly Score[] {
  return scoresOf(rejudged())
}
