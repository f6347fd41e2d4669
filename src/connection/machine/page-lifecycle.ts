import type { Finding } from '../../api/evidence.ts'
import type { PageSignal } from '../../api/host.ts'
import { coreOf, startRound } from './connecting.ts'
import { loseTo } from './loss.ts'
import { polledNow, startCheck, woken } from './open.ts'
import type { Policy, State, Waiting } from './state.ts'
import { at } from './transport-ranking.ts'

/** A machine that slept, or a page hidden so long, has connections that cannot be believed. */
export const longAbsenceMs = 30_000
const networkAnswerMs = 3000
const retryJitterMs = 500
const leastPauseMs = 1000
/** One waking comes as several signals. */
const sameWakeMs = 100

/** The page or the network changed. Signals are hints: none of them alone ends a connection or forbids an attempt. */
export function onPage(state: State, signal: PageSignal, now: number, policy: Policy): State {
  switch (signal.type) {
    case 'online':
    case 'offline':
      return signal.type === 'online'
        ? onNetwork({ ...state, isOnline: true, othersAt: 0 }, now, policy)
        : onNetwork({ ...state, isOnline: false }, now, policy)
    case 'hidden':
    case 'freeze':
      return state.hiddenSince === null ? { ...state, hiddenSince: now } : state
    case 'visible': {
      const wasLong = state.hiddenSince !== null && now - state.hiddenSince > longAbsenceMs
      const next = { ...state, hiddenSince: null }
      return wasLong || isPutAway(next) ? wake(next, now, policy) : glance(next, policy)
    }
    case 'resume':
      return wake(state, now, policy)
    case 'leaving':
      return state
    case 'pagehide':
      return putAway(state, { kind: 'hidden' }, now, policy)
    case 'pageshow':
      if (signal.persisted && state.status === 'open') return loseTo(state, { kind: 'restored' }, now, policy)
      return signal.persisted || isPutAway(state) ? wake(state, now, policy) : state
    default:
      return signal satisfies never
  }
}

/** The page is back after a long absence: whatever waits need not wait, whatever says it is open is asked. */
export function wake(state: State, now: number, policy: Policy): State {
  switch (state.status) {
    case 'connecting':
      return now < state.dialledAt + sameWakeMs ? state : startRound(state, now, policy)
    case 'open':
      return woken(state, now, policy)
    case 'waiting':
    case 'offline':
      return sooner(state, now, policy)
    case 'idle':
    case 'closed':
      return state
    default:
      return state satisfies never
  }
}

function onNetwork(state: State, now: number, policy: Policy): State {
  if (state.status === 'waiting' || state.status === 'offline') {
    return state.isOnline ? sooner({ ...state, status: 'waiting' }, now, policy) : { ...state, status: 'offline' }
  }
  // Browsers say "offline" wrongly, and a short loss closes nothing: ask, do not drop.
  const canAsk = state.status === 'open' && !state.link.check && at(policy.ranked, state.link.rank).canPing
  return canAsk ? startCheck(state, now, now + networkAnswerMs + policy.graceMs(), true) : state
}

/** Tries again at once, but not all clients of a building in one instant, and not more often than once a second. */
function sooner(state: Waiting, now: number, policy: Policy): Waiting {
  const soon = Math.max(now + policy.random() * retryJitterMs, state.notBefore, state.dialledAt + leastPauseMs)
  // Perhaps in another network: what is blocked there nobody knows.
  return { ...state, failures: Math.min(state.failures, 1), othersAt: 0, retryAt: Math.min(state.retryAt, soon) }
}

/** Looked at again after a short while: what asks may ask at once. */
function glance(state: State, policy: Policy): State {
  return state.status === 'open' && at(policy.ranked, state.link.rank).isPolling ? polledNow(state) : state
}

/** Hangs up until woken: into the back/forward cache a page must take no connection. */
export function putAway(state: State, why: Finding, now: number, policy: Policy): State {
  switch (state.status) {
    case 'connecting':
    case 'open': {
      const attempt = state.status === 'open' ? state.link : state.dials[0]
      const diagnosis = policy.diagnose(why, attempt ?? { id: 0, rank: 0 }, 'open', 0)
      const status = state.isOnline ? 'waiting' : 'offline'
      return { ...coreOf(state), status, waitingSince: now, retryAt: Infinity, diagnosis }
    }
    case 'waiting':
    case 'offline':
      return { ...state, retryAt: Infinity }
    case 'idle':
    case 'closed':
      return state
    default:
      return state satisfies never
  }
}

function isPutAway(state: State): boolean {
  return (state.status === 'waiting' || state.status === 'offline') && state.retryAt === Infinity
}
