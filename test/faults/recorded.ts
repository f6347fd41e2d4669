import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Evidence } from '../../src/api/evidence.ts'
import { familyOf } from '../../src/diagnosis/causes.ts'
import { diagnose } from '../../src/diagnosis/diagnose.ts'
import type { EngineName } from '../support/engines.ts'
import type { Deployment, Mode } from './fault.ts'
import { type Judged, markOf, type Score, scoresOf } from './score.ts'

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

/** Durations differ from run to run. */
const durations: readonly string[] = ['elapsedMs', 'roundTripMs']

function recordings(): readonly (Recording & { readonly engine: EngineName })[] {
  return engines.flatMap((engine) => {
    const path = join(import.meta.dirname, 'fixtures', `${engine}.json`)
    const recorded: readonly Recording[] = JSON.parse(readFileSync(path, 'utf8'))
    return recorded.map((recording) => ({ ...recording, engine }))
  })
}

/** The current diagnoses of the recorded evidence, without a browser. */
export function rejudged(): readonly Judged[] {
  return recordings().map(({ evidence, ...recording }) => ({ ...recording, told: diagnose(evidence) }))
}

export function recordedCounts(): readonly Score[] {
  return scoresOf(rejudged())
}

/** Faults with causes of different families, of which a page has the same evidence: a diagnosis is right for one family at most. */
export interface EqualEvidence {
  readonly engine: EngineName
  readonly told: string
  readonly faults: readonly { readonly deployment: Deployment; readonly expected: string }[]
}

/** The groups of faults in plain mode that keep the shares of exact parents below 100 %. */
export function equalEvidence(): readonly EqualEvidence[] {
  const groups = new Map<string, Judged[]>()
  for (const { evidence, ...recording } of recordings()) {
    if (recording.mode !== 'plain') continue
    const same = JSON.stringify([recording.engine, evidence], (name, value) => (durations.includes(name) ? undefined : value))
    groups.set(same, [...(groups.get(same) ?? []), { ...recording, told: diagnose(evidence) }])
  }
  return [...groups.values()].flatMap((faults) => {
    const [first] = faults
    const isMixed = new Set(faults.map(({ expected }) => familyOf(expected))).size > 1
    if (!first || !isMixed || faults.every((fault) => markOf(fault).isParent)) return []
    return [{ engine: first.engine, told: first.told?.cause ?? '', faults }]
  })
}
