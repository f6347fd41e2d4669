import { begun, coreOf, dialFailed, prepared, raced, refined, startRound } from './connecting.ts'
import { lose } from './loss.ts'
import {
  ackOverdue,
  challengerFailed,
  challengerHeard,
  challengerOpened,
  challengerReceived,
  heard,
  messagePassed,
  onDue,
  open,
  woken,
} from './open.ts'
import { longAbsenceMs, onPage, suspend, wake } from './page-lifecycle.ts'
import { type Connecting, type Dial, deadlineOf, type Input, type Open, type Policy, type State } from './state.ts'

/**
 * The life of a connection as a pure function: no timer, no socket, no clock and no randomness of its own. It returns the same
 * object if nothing changed, and ignores inputs of attempts that are no longer part of the state.
 */
export function transition(before: State, input: Input, now: number, policy: Policy): State {
  const state: State = before.newFailures.length ? { ...before, newFailures: [] } : before
  switch (input.type) {
    case 'connect':
      return state.status === 'connecting' || state.status === 'open' ? state : startRound(afresh(state), now, policy)
    case 'reconnect':
      return state.status === 'idle' || state.status === 'closed' ? state : startRound(afresh(state), now, policy)
    case 'close':
      return state.status === 'closed'
        ? state
        : { ...coreOf(state), status: 'closed', code: input.code, reason: input.reason, diagnosis: null }
    case 'ack-overdue':
      return state.status === 'open' ? ackOverdue(state, now, policy) : state
    case 'refined':
      return refined(state, input.diagnosis, now, policy)
    case 'hold':
      return input.isHeld ? suspend(state, { kind: 'unread' }, now, policy) : wake(state, now, policy)
    case 'page':
      return onPage(state, input.signal, now, policy)
    case 'deadline':
      return onDeadline(state, input.heardAt, input.hasCursor, now, policy)
    default:
      return onAttempt(state, input, now, policy)
  }
}

/** `connect()` or `reconnect()`: resets the outage and its failures, but keeps the ranking of the transports. */
function afresh(state: State) {
  return { ...state, failures: 0, wideRound: 0, outageSince: null, isRefreshed: false }
}

type AttemptInput = Extract<Input, { readonly id: number }>

function onAttempt(before: State, input: AttemptInput, now: number, policy: Policy): State {
  const state =
    input.type === 'opened' && input.roundTripMs !== undefined ? { ...before, roundTripMs: input.roundTripMs } : before
  if (state.status === 'connecting') {
    const dial = find(state.dials, input.id)
    if (!dial) return before
    if (input.type === 'prepared') return prepared(state, dial, now, policy)
    if (input.type === 'opened') return open(state, dial, now, policy)
    return input.type === 'failed' ? dialFailed(state, dial, input.diagnosis, now, policy) : before
  }
  if (state.status !== 'open') return before
  if (input.id === state.link.id) {
    if (input.type === 'failed') return lose(state, input.diagnosis, now, policy)
    if (input.type === 'heard') return heard(state, now, policy)
    return input.type === 'message' ? messagePassed(state, input.isIncoming, now, policy) : before
  }
  const challenger = find(state.challengers, input.id)
  if (!challenger) return before
  if (input.type === 'opened') return challengerOpened(state, challenger, now, input.hasCursor, policy)
  if (input.type === 'failed') return challengerFailed(state, challenger, input.diagnosis, now, policy)
  if (input.type === 'heard') return challengerHeard(state, challenger, now, input.hasCursor, policy)
  if (input.type === 'message') return input.isIncoming ? challengerReceived(state, challenger, now, policy) : before
  return {
    ...state,
    challengers: state.challengers.map((each) =>
      each === challenger && challenger.until < Infinity ? begun(challenger, now, policy) : each,
    ),
  }
}

function onDeadline(state: State, heardAt: number, hasCursor: boolean, now: number, policy: Policy): State {
  const late = now - deadlineOf(state, policy)
  if (late < 0) return state
  // Browsers delay the timers of a hidden page by up to a minute, so a late one is no proof of sleep.
  const hasSlept = late > longAbsenceMs && state.hiddenSince === null
  switch (state.status) {
    case 'connecting':
      return hasSlept ? startRound(state, now, policy) : onConnectingDue(state, now, policy)
    case 'open':
      return hasSlept ? woken(slept(state, now), now, policy) : onDue(state, heardAt, hasCursor, now, policy)
    case 'waiting':
    case 'offline':
      return startRound(hasSlept ? { ...state, failures: Math.min(state.failures, 1), wideRound: 0 } : state, now, policy)
    case 'idle':
    case 'closed':
      return state
    default:
      return state satisfies never
  }
}

/** Drops the deadlines that passed while the machine slept. */
function slept(state: Open, now: number): Open {
  return {
    ...state,
    reviewAt: now,
    challengers: [],
    link: { ...state.link, heardAt: now, provenAt: now, check: null },
  }
}

function onConnectingDue(before: Connecting, now: number, policy: Policy): State {
  let state: State = before
  for (const dial of before.dials) {
    if (state.status !== 'connecting' || now < dial.until) continue
    const diagnosis = policy.diagnose({ kind: 'timeout' }, dial, 'connect', now - dial.since)
    state = dialFailed(state, dial, diagnosis, now, policy)
  }
  return state.status === 'connecting' && now >= state.raceAt ? raced(state, now, policy) : state
}

function find(dials: readonly Dial[], id: number): Dial | undefined {
  return dials.find((dial) => dial.id === id)
}
