import type { Finding } from '../../api/evidence.ts'
import type { PageSignal } from '../../api/host.ts'
import { coreOf, startRound } from './connecting.ts'
import { loseTo } from './loss.ts'
import { polledNow, startCheck, woken } from './open.ts'
import type { Policy, State, Waiting } from './state.ts'
import { atRank } from './transport-ranking.ts'

/** After a sleep, or a page hidden for longer than this, open connections may be dead. */
export const longAbsenceMs = 30_000
const networkAnswerMs = 3000
const retryJitterMs = 500
const minPauseMs = 1000
/** Several page events within this time are one wake-up. */
const sameWakeMs = 100

/** The page or the network changed. These events are hints: none of them alone ends a connection or prevents an attempt. */
export function onPage(state: State, signal: PageSignal, now: number, policy: Policy): State {
  switch (signal.type) {
    case 'online':
    case 'offline':
      return signal.type === 'online'
        ? onNetwork({ ...state, isOnline: true, wideRound: 0 }, now, policy)
        : onNetwork({ ...state, isOnline: false }, now, policy)
    case 'hidden':
    case 'freeze':
      return state.hiddenSince === null ? { ...state, hiddenSince: now } : state
    case 'visible': {
      const wasLong = state.hiddenSince !== null && now - state.hiddenSince > longAbsenceMs
      const next = { ...state, hiddenSince: null }
      return wasLong || isSuspended(next) ? wake(next, now, policy) : shownAgain(next, policy)
    }
    case 'resume':
      return wake(state, now, policy)
    case 'leaving':
      return state
    case 'pagehide':
      return suspend(state, { kind: 'hidden' }, now, policy)
    case 'pageshow':
      if (signal.persisted && state.status === 'open') return loseTo(state, { kind: 'restored' }, now, policy)
      return signal.persisted || isSuspended(state) ? wake(state, now, policy) : state
    default:
      return signal satisfies never
  }
}

/** The page is back after a long absence: retries at once if waiting, and checks an open connection. */
export function wake(state: State, now: number, policy: Policy): State {
  switch (state.status) {
    case 'connecting':
      return now < state.dialledAt + sameWakeMs ? state : startRound(state, now, policy)
    case 'open':
      return woken(state, now, policy)
    case 'waiting':
    case 'offline':
      return retrySoon(state, now, policy)
    case 'idle':
    case 'closed':
      return state
    default:
      return state satisfies never
  }
}

function onNetwork(state: State, now: number, policy: Policy): State {
  if (state.status === 'waiting' || state.status === 'offline') {
    return state.isOnline ? retrySoon({ ...state, status: 'waiting' }, now, policy) : { ...state, status: 'offline' }
  }
  // Browsers may wrongly report "offline", and connections survive a short loss: ping, do not disconnect.
  const canAsk = state.status === 'open' && !state.link.check && atRank(policy.ranked, state.link.rank).canPing
  return canAsk ? startCheck(state, now, now + networkAnswerMs + policy.graceMs(), true) : state
}

/** Retries soon, with jitter so that all clients of a building do not dial at once, and at most once a second. */
function retrySoon(state: Waiting, now: number, policy: Policy): Waiting {
  const soon = Math.max(now + policy.random() * retryJitterMs, state.notBefore, state.dialledAt + minPauseMs)
  // It may be another network, with other transports blocked.
  return { ...state, failures: Math.min(state.failures, 1), wideRound: 0, retryAt: Math.min(state.retryAt, soon) }
}

/** The page is visible again after a short while: a polling transport polls at once. */
function shownAgain(state: State, policy: Policy): State {
  return state.status === 'open' && atRank(policy.ranked, state.link.rank).isPolling ? polledNow(state) : state
}

/** Disconnects until the page wakes up: an open connection would keep it out of the back/forward cache. */
export function suspend(state: State, why: Finding, now: number, policy: Policy): State {
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

function isSuspended(state: State): boolean {
  return (state.status === 'waiting' || state.status === 'offline') && state.retryAt === Infinity
}
