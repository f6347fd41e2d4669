import type { Diagnosis } from '../../diagnosis/diagnose.ts'
import { endingOf } from '../../diagnosis/ending.ts'
import { isLimited, looksAway, nextWideRound, roundOf } from './outage.ts'
import type { Closed, Connecting, Core, Dial, Policy, State, Waiting } from './state.ts'
import {
  allFailed,
  atRank,
  isHealthy,
  isHopeless,
  type Refusal,
  reconsidered,
  refused,
  withoutShortLives,
} from './transport-ranking.ts'

const race = { unknownMs: 500, minMs: 200, maxMs: 3000 }
/** The least delay between retries when there seems to be no realtime server (`isHopeless`); up to half is added at random. */
const hopelessDelayMs = 45_000

/** Starts a round: dials the transports of the ranking in turn. */
export function startRound(core: Core, now: number, policy: Policy): Connecting {
  const round = roundOf(core, now, policy)
  return dialNext({ ...coreOf(core), status: 'connecting', dials: [], ...round, raceAt: Infinity, refusal: null }, now, policy)
}

/** Dials the next transport of the round, beside the running dials. */
export function dialNext(state: Connecting, now: number, policy: Policy): Connecting {
  const [rank, ...queue] = state.queue
  if (rank === undefined) return { ...state, raceAt: Infinity }
  const dial = dialOf(state, rank, now, policy)
  const dialled = { ...state, lastId: dial.id, dialledAt: now, dials: [...state.dials, dial], queue }
  return { ...dialled, raceAt: policy.prepares ? Infinity : raceAt(dialled, now, policy) }
}

/** The running dials are slow: races the next transport beside them, if need be one that this round had left out. */
export function raced(state: Connecting, now: number, policy: Policy): Connecting {
  const { queue, omitted } = state
  return dialNext(queue.length ? state : { ...state, queue: omitted, omitted: [] }, now, policy)
}

export function dialOf({ lastId }: Core, rank: number, now: number, { connectTimeoutMs }: Policy): Dial {
  return { id: lastId + 1, rank, since: now, until: now + connectTimeoutMs }
}

/** `prepare()` has settled: the dial's timeout and the race start now. */
export function prepared(state: Connecting, dial: Dial, now: number, policy: Policy): Connecting {
  const isLatest = dial.id === state.lastId
  return {
    ...state,
    dials: state.dials.map((each) => (each === dial ? begun(dial, now, policy) : each)),
    raceAt: isLatest ? raceAt(state, now, policy) : state.raceAt,
  }
}

export function begun(dial: Dial, now: number, { connectTimeoutMs }: Policy): Dial {
  return { ...dial, since: now, until: now + connectTimeoutMs }
}

function raceAt(state: Connecting, now: number, { raceAfterMs }: Policy): number {
  const { roundTripMs, queue, omitted, failures } = state
  // In the first rounds the server may be slow because it is restarting.
  const others = queue.length || failures < 2 ? queue : omitted
  if (!hasHealthyNext({ ...state, queue: others }, now)) return Infinity
  const derived = roundTripMs === null ? race.unknownMs : Math.min(Math.max(5 * roundTripMs + 100, race.minMs), race.maxMs)
  return now + (raceAfterMs ?? derived)
}

/** Transports that rest or keep breaking are not raced: they are dialled only when all others have failed. */
function hasHealthyNext({ queue: [next], ranking }: Connecting, now: number): boolean {
  return next !== undefined && isHealthy(atRank(ranking.records, next), now)
}

/** One dial of the round failed. */
export function dialFailed(state: Connecting, dial: Dial, diagnosis: Diagnosis, now: number, policy: Policy): State {
  const { verdict } = diagnosis
  // The server answers, or does not fail fast, so it is not simply away: the other transports may work.
  const isWhole = verdict === 'fallback' && !looksAway(diagnosis)
  const next: Connecting = {
    ...state,
    ...(isWhole && { wideRound: 0, queue: [...state.queue, ...state.omitted], omitted: [] }),
    dials: state.dials.filter((each) => each !== dial),
    ranking: refused(state.ranking, dial.rank, refusalOf(diagnosis), now, isTransportsFault(state, diagnosis)),
    notBefore: notBefore(state, diagnosis, now),
    isRefreshed: isAskedAnew(state, diagnosis, policy),
    newFailures: [...state.newFailures, { id: dial.id, diagnosis }],
  }
  if (verdict === 'stop' && !isForbiddenOnly(next, dial, diagnosis) && !isQuiet(next, dial, diagnosis, policy)) {
    // A running dial may show that only this transport was refused.
    return next.dials.length && diagnosis.hint
      ? { ...next, refusal: diagnosis, queue: [], raceAt: Infinity }
      : stop(next, diagnosis, now, policy)
  }
  const mayDialNext = next.dials.length ? hasHealthyNext(next, now) : next.queue.length > 0
  if (verdict !== 'retry' && mayDialNext) return dialNext(next, now, policy)
  // A `retry` verdict is about the whole server, so every other transport would fail alike.
  if (next.dials.length) return verdict === 'retry' ? { ...next, queue: [], raceAt: Infinity } : next
  return next.refusal ? stop(next, next.refusal, now, policy) : roundFailed(next, diagnosis, now, policy)
}

/** A diagnosis was refined. A verdict `stop` closes the client, unless a connection has opened meanwhile, which refutes it. */
export function refined(state: State, diagnosis: Diagnosis, now: number, policy: Policy): State {
  const isTrying = state.status === 'waiting' || state.status === 'offline' || state.status === 'connecting'
  return isTrying && diagnosis.verdict === 'stop' ? stop(state, diagnosis, now, policy) : state
}

/** Closes the client, unless `prepare()` can be called once more for fresh credentials. */
function stop(core: Core, diagnosis: Diagnosis, now: number, policy: Policy): State {
  const isRefresh = canRefresh(core, diagnosis, policy)
  return isRefresh ? startRound({ ...core, isRefreshed: true }, now, policy) : closedBy(core, diagnosis)
}

/** Whether a 403 concerns this transport alone, since another has opened: some gateways let only the WebSocket pass. */
function isForbiddenOnly({ ranking: { records } }: Connecting, { rank }: Dial, { evidence }: Diagnosis): boolean {
  const isForbidden = evidence.kind === 'answered' && evidence.status === 403
  return isForbidden && !atRank(records, rank).hasOpened && records.some(({ hasOpened }) => hasOpened)
}

/** Whether a 204 may mean "no news" (long-poll, poll) rather than the end of an event stream. */
function isQuiet({ ranking }: Connecting, { rank }: Dial, { evidence }: Diagnosis, { ranked }: Policy): boolean {
  const isEmpty = evidence.kind === 'answered' && evidence.status === 204
  return isEmpty && !atRank(ranking.records, rank).hasOpened && ranked.some(({ isPolling }) => isPolling)
}

/** Classifies a failed dial for the transport's record. */
export function refusalOf({ hint, evidence }: Diagnosis): Refusal {
  if (hint === 'not-offered') return evidence.kind === 'unsupported' ? 'unsupported' : 'absent'
  return evidence.kind === 'closed' ? 'mute' : 'spoken'
}

/** Whether a failure is the transport's fault: not if the page or the browser blocked it, nor in an outage of all transports. */
export function isTransportsFault({ failures }: Core, { evidence }: Diagnosis): boolean {
  const isOfPage = ['blocked', 'unsupported', 'crowded', 'unprepared'].includes(evidence.kind) || evidence.violation
  return !isOfPage && !isHeldBack(evidence) && failures === 0
}

/** Whether the failure may be due to an offline device or a hidden page, which block and throttle requests. */
export function isHeldBack({ isOnline, isHidden }: Diagnosis['evidence']): boolean {
  return !isOnline || !!isHidden
}

function roundFailed(state: Connecting, diagnosis: Diagnosis, now: number, policy: Policy): State {
  const failures = state.failures + 1
  const wasWhole = diagnosis.verdict === 'fallback' && !isLimited(state, now)
  // A `retry` verdict is about the whole server.
  const isOfServer = diagnosis.verdict === 'retry'
  const reconsideredRanking = reconsidered(isOfServer ? withoutShortLives(state.ranking) : state.ranking, failures)
  const ranking = wasWhole ? allFailed(reconsideredRanking) : reconsideredRanking
  const waiting = wait({ ...state, failures, wideRound: nextWideRound(state), ranking }, diagnosis, now, policy)
  const isSlow = isHopeless(state.ranking, failures, now - (state.outageSince ?? now), now)
  if (!isSlow || waiting.status === 'closed') return waiting
  return { ...waiting, retryAt: Math.max(waiting.retryAt, now + Math.round(hopelessDelayMs * (1 + policy.random() / 2))) }
}

/** Whether `prepare()` is asked for fresh credentials from now on, even if it is not certain that the old ones were refused. */
export function isAskedAnew(core: Core, diagnosis: Diagnosis, policy: Policy): boolean {
  return core.isRefreshed || (diagnosis.verdict !== 'stop' && canRefresh(core, diagnosis, policy))
}

export function canRefresh({ isRefreshed }: Core, { hint }: Diagnosis, { prepares }: Policy): boolean {
  return hint === 'credentials' && prepares && !isRefreshed
}

/** A `Retry-After` applies to the whole server, whichever transport received it. */
function notBefore(core: Core, { evidence }: Diagnosis, now: number): number {
  return Math.max(core.notBefore, now + (evidence.retryAfterMs ?? 0))
}

/** Waits for the next attempt: as long as the retry policy (or `delayMs`) says, and at least as long as the server asked for. */
export function wait(core: Core, diagnosis: Diagnosis, now: number, policy: Policy, delayMs?: number): Waiting | Closed {
  const outageSince = core.outageSince ?? now
  const wanted = delayMs ?? policy.retry({ attempt: core.failures, outageMs: now - outageSince, diagnosis })
  if (wanted === null) return closedBy(core, diagnosis)
  const floor = notBefore(core, diagnosis, now)
  return {
    ...coreOf(core),
    outageSince,
    status: core.isOnline ? 'waiting' : 'offline',
    waitingSince: now,
    retryAt: Math.max(now + Math.round(wanted), floor),
    notBefore: floor,
    diagnosis,
  }
}

export function closedBy(core: Core, diagnosis: Diagnosis): Closed {
  const { code, reason } = endingOf(diagnosis)
  return { ...coreOf(core), status: 'closed', code, reason, diagnosis }
}

/** Copies only the fields of `Core`, so that the fields of one phase do not leak into the next. */
export function coreOf(state: Core): Core {
  const { lastId, ranking, failures, wideRound, outageSince, isRefreshed, isOnline, hiddenSince, roundTripMs, dialledAt } = state
  const { notBefore, newFailures } = state
  return {
    lastId,
    ranking,
    failures,
    wideRound,
    outageSince,
    isRefreshed,
    isOnline,
    hiddenSince,
    roundTripMs,
    dialledAt,
    notBefore,
    newFailures,
  }
}
