import type { Diagnosis } from '../../diagnosis/diagnose.ts'
import type { Core, Policy } from './state.ts'
import { at, plan } from './transport-ranking.ts'

/** An outage that is older may have become one of this client's network: then every round dials all transports. */
const patienceMs = 60_000
/** So many rounds of the proven transport alone lie between two that try others. */
const alone = 2
/** Until this round, a restart explains the outage: what is tried beside the proven transport is one transport, and later all of them. */
const restartRounds = 4

/** What a round dials, in order, and what it leaves out as long as the whole server seems to be away. */
export interface Round {
  readonly queue: readonly number[]
  readonly spare: readonly number[]
}

/**
 * The transports of a round. In an outage of a proven connection it is the server that is away, most often, so each transport would hear the
 * same: the proven one is dialled, and better ones that have rested. In every third round others join them, in case that the client
 * has moved to a network where the proven one is blocked: one at first, and all in an outage that outlasts a restart. A transport at
 * another origin is dialled in any case, and so are the better ones before it.
 */
export function roundOf(core: Core, now: number, { ranked }: Policy): Round {
  const { failures, othersAt, ranking } = core
  const order = plan(ranking, now)
  const { preferred } = ranking
  if (preferred === null || !order.includes(preferred) || !isLimited(core, now)) return { queue: order, spare: [] }
  const others = failures > restartRounds ? order.length : 1
  const last = order.indexOf(preferred) + (failures === othersAt ? others : 0)
  const { origin } = at(ranked, preferred)
  const lastElsewhere = order.map((rank) => at(ranked, rank).origin !== origin).lastIndexOf(true)
  const isSpare = (_: number, index: number) => index > Math.max(last, lastElsewhere)
  return {
    queue: order.filter((rank, index) => !isSpare(rank, index)),
    spare: order.filter(isSpare),
  }
}

/** Whether not every transport is tried now. */
export function isLimited({ failures, othersAt, outageSince }: Core, now: number): boolean {
  return failures > 0 && failures <= othersAt && now < (outageSince ?? now) + patienceMs
}

/** A proven connection is lost: in which round another transport is tried as well. Drawn, so that a thousand clients do not do it at once. */
export function othersAtLoss(failures: number, random: () => number): number {
  return failures + alone + Math.floor(2 * random())
}

/** A round has failed: when the next one comes that tries another transport as well. */
export function othersAfter({ failures, othersAt }: Core): number {
  return failures === othersAt ? failures + alone + 1 : othersAt
}

/** Whether a failure looks as if the whole server were away: nothing is there, or what is in front of it says so, and at once. */
export function looksAway({ evidence, hint }: Diagnosis): boolean {
  if (evidence.kind === 'answered') return evidence.status >= 500 && !hint
  return evidence.kind === 'broken' || (evidence.kind === 'closed' && [1006, 1015].includes(evidence.code))
}
