import { familyOf } from '../../src/diagnosis/causes.ts'
import type { Diagnosis } from '../../src/diagnosis/diagnose.ts'
import type { EngineName } from '../support/engines.ts'
import type { Deployment, Mode } from './fault.ts'

/** The diagnosis of a fault; `told` is `null` without one. */
export interface Judged {
  readonly deployment: Deployment
  readonly fault: string
  readonly mode: Mode
  readonly engine: EngineName
  /** The true cause. */
  readonly expected: string
  /** See `Fault`. */
  readonly seen?: string
  readonly told: Pick<Diagnosis, 'cause' | 'certainty' | 'candidates'> | null
}

/** How close a diagnosis is to the truth. */
export interface Mark {
  /** It named the cause itself. */
  readonly isExact: boolean
  /** The cause is at least among its candidates. */
  readonly isRight: boolean
  /** It named the cause, its family, or a cause of that family; or `seen`, with the cause among its candidates. */
  readonly isParent: boolean
  /** Neither the cause nor its family, and the cause is not among the candidates. */
  readonly isWrong: boolean
  /** It named another cause as certain. */
  readonly isCertainWrong: boolean
}

export interface Score {
  readonly deployment: Deployment
  readonly engine: EngineName
  readonly mode: Mode
  readonly faults: number
  /** Shares of the faults, from 0 to 1. */
  readonly parent: number
  readonly exact: number
  readonly right: number
  readonly wrong: number
  /** Number of faults. */
  readonly wrongCount: number
  readonly certainWrong: number
}

export function markOf({ told, expected, seen }: Pick<Judged, 'told' | 'expected' | 'seen'>): Mark {
  if (!told) return { isExact: false, isRight: false, isParent: false, isWrong: true, isCertainWrong: false }
  const isExact = told.cause === expected
  const isFamily = told.cause === familyOf(expected)
  const isCandidate = !!told.candidates?.includes(expected)
  const isSeen = isCandidate && told.cause === seen
  return {
    isExact,
    isRight: isExact || isCandidate,
    isParent: isExact || isFamily || isSeen || familyOf(told.cause) === familyOf(expected),
    isWrong: !isExact && !isCandidate && !isFamily,
    isCertainWrong: told.certainty === 'certain' && !isExact && !isFamily && !isSeen,
  }
}

/** The scores by deployment, mode and engine, in the order of the results. */
export function scoresOf(results: readonly Judged[]): readonly Score[] {
  const groups = new Map<string, Judged[]>()
  for (const result of results) {
    const name = `${result.deployment} ${result.mode} ${result.engine}`
    groups.set(name, [...(groups.get(name) ?? []), result])
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group
    if (!first) return []
    const marks = group.map(markOf)
    const share = (has: (mark: Mark) => boolean) => marks.filter(has).length / marks.length
    return {
      deployment: first.deployment,
      engine: first.engine,
      mode: first.mode,
      faults: group.length,
      parent: share(({ isParent }) => isParent),
      exact: share(({ isExact }) => isExact),
      right: share(({ isRight }) => isRight),
      wrong: share(({ isWrong }) => isWrong),
      wrongCount: marks.filter(({ isWrong }) => isWrong).length,
      certainWrong: marks.filter(({ isCertainWrong }) => isCertainWrong).length,
    }
  })
}
