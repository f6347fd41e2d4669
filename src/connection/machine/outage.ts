import type { Diagnosis } from '../../diagnosis/diagnose.ts'
import type { Core, Policy } from './state.ts'
import { atRank, plan } from './transport-ranking.ts'

/** A longer outage may be one of this client's network: then every round dials all transports. */
const patienceMs = 60_000
/** The number of rounds with the proven transport alone between two rounds that try others. */
const narrowRounds = 2
/** Up to this round a restart may explain the outage, so only one other transport is tried; after it, all of them. */
const restartRounds = 4

/** The transports that a round dials, in order (`queue`), and those it leaves out while the server seems down (`omitted`). */
export interface Round {
  readonly queue: readonly number[]
  readonly omitted: readonly number[]
}

/**
 * Returns the transports of a round. When a proven connection is lost, most often the server is down and every transport would
 * fail alike: so only the proven one is dialled, and better ones whose rest is over. Every third round also dials others, in case
 * the client has moved to a network that blocks the proven one: one at first, all once the outage outlasts a restart. A transport
 * at another origin is always dialled, and so are the better ones before it.
 */
export function roundOf(core: Core, now: number, { ranked }: Policy): Round {
  const { failures, wideRound, ranking } = core
  const order = plan(ranking, now)
  const { preferred } = ranking
  if (preferred === null || !order.includes(preferred) || !isLimited(core, now)) return { queue: order, omitted: [] }
  const others = failures > restartRounds ? order.length : 1
  const last = order.indexOf(preferred) + (failures === wideRound ? others : 0)
  const origin = atRank(ranked, preferred).origin()
  const lastElsewhere = order.map((rank) => atRank(ranked, rank).origin() !== origin).lastIndexOf(true)
  const isOmitted = (_: number, index: number) => index > Math.max(last, lastElsewhere)
  return {
    queue: order.filter((rank, index) => !isOmitted(rank, index)),
    omitted: order.filter(isOmitted),
  }
}

/** Whether rounds currently leave transports out. */
export function isLimited({ failures, wideRound, outageSince }: Core, now: number): boolean {
  return failures > 0 && failures <= wideRound && now < (outageSince ?? now) + patienceMs
}

/** Returns the round after a loss that tries another transport as well. Random, so that clients do not do it all at once. */
export function wideRoundAfterLoss(failures: number, random: () => number): number {
  return failures + narrowRounds + Math.floor(2 * random())
}

/** Returns, after a failed round, the next round that tries another transport as well. */
export function nextWideRound({ failures, wideRound }: Core): number {
  return failures === wideRound ? failures + narrowRounds + 1 : wideRound
}

/** Whether a failure looks as if the whole server were down: the connection fails at once, or a proxy in front answers 5xx. */
export function looksAway({ evidence, hint }: Diagnosis): boolean {
  if (evidence.kind === 'answered') return evidence.status >= 500 && !hint
  return evidence.kind === 'broken' || (evidence.kind === 'closed' && [1006, 1015].includes(evidence.code))
}
