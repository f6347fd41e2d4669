import type { Finding } from '../../api/evidence.ts'
import type { Diagnosis } from '../../diagnosis/diagnose.ts'
import { endingOf } from '../../diagnosis/ending.ts'
import { canRefresh, closedBy, coreOf, isAskedAnew, isHeldBack, startRound, wait } from './connecting.ts'
import { wideRoundAfterLoss } from './outage.ts'
import type { Open, OpenLink, Policy, State } from './state.ts'
import { atRank, ended, hasAlternative, type Life } from './transport-ranking.ts'

const wokenJitterMs = 250
/** A connection that was quiet for so long before it broke has worked, in milliseconds: proxies end quiet ones after a minute. */
const quietMs = 50_000
/** So many short-lived connections in a row still restart the backoff, as on a train; more would be a reconnect loop. */
const forgivenLives = 6

/** Drops the open connection for a reason that the machine itself found. */
export function loseTo(state: Open, finding: Finding, now: number, policy: Policy): State {
  const { link } = state
  return lose(state, policy.diagnose(finding, link, 'open', now - link.openedAt), now, policy)
}

/** The open connection is lost. */
export function lose(state: Open, diagnosis: Diagnosis, now: number, policy: Policy): State {
  const { link } = state
  const livedMs = now - link.openedAt
  const isLong = livedMs >= policy.provingMs
  const { wasClean } = endingOf(diagnosis)
  const life = lifeOf(link, diagnosis, livedMs, policy)
  const ranking = ended(state.ranking, link.rank, life)
  // A server that sends a message and then closes has not proven the connection: the backoff must keep growing.
  const isForgiven = link.isProven && (isLong || (!wasClean && atRank(ranking.records, link.rank).shortLives <= forgivenLives))
  // Credentials with which messages passed were accepted, however short the connection.
  const isAccepted = isLong || link.isProven || (link.hasPassedMessage && link.hasHeard)
  const failures = isForgiven ? 1 : state.failures + 1
  const core = {
    ...coreOf(state),
    ranking,
    failures,
    wideRound: ranking.preferred === link.rank ? wideRoundAfterLoss(failures, policy.random) : 0,
    outageSince: isForgiven ? now : (state.outageSince ?? now),
    isRefreshed: isAskedAnew({ ...state, isRefreshed: state.isRefreshed && !isAccepted }, diagnosis, policy),
    newFailures: [...state.newFailures, { id: link.id, diagnosis }],
  }
  if (diagnosis.verdict === 'stop') {
    return canRefresh(core, diagnosis, policy)
      ? wait({ ...core, isRefreshed: true }, diagnosis, now, policy)
      : closedBy(core, diagnosis)
  }
  const challengers = state.challengers.filter(({ rank }) => rank < link.rank)
  if (challengers.length)
    return { ...core, status: 'connecting', dials: challengers, queue: [], omitted: [], raceAt: Infinity, refusal: null }
  // A server that closes cleanly may want its clients to stay away: the next transport is tried after a delay, not at once.
  if (life === 'short' && !wasClean && hasAlternative(ranking, link.rank, now)) return startRound(core, now, policy)
  const isWoken = link.check?.isWoken || diagnosis.evidence.kind === 'restored'
  return wait(core, diagnosis, now, policy, isWoken ? policy.random() * wokenJitterMs : undefined)
}

/**
 * Classifies the end of a connection for its transport. A short life counts even with a close code: the other transports will
 * show whether the server closes all connections or only this transport fails here.
 */
function lifeOf({ rank, hasHeard, check }: OpenLink, { hint, evidence }: Diagnosis, livedMs: number, policy: Policy): Life {
  // A plain WebSocket may be quiet for hours; one that did not answer a ping, or never delivers anything and breaks, may be broken.
  const mayBeQuiet = evidence.kind !== 'silent' && !atRank(policy.ranked, rank).isProvenByHearing
  if (livedMs >= (hasHeard ? policy.provingMs : mayBeQuiet ? quietMs : Infinity)) return 'long'
  const isOfPage = evidence.kind === 'restored' || check?.isWoken || isHeldBack(evidence)
  return isOfPage || hint === 'credentials' ? 'neutral' : 'short'
}
