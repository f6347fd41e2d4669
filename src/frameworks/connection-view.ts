import type { ClientState } from '../api/events.ts'
import type { Diagnosis } from '../diagnosis/diagnose.ts'

/** What a page tells its user about the connection. */
export interface ConnectionView {
  /**
   * `connecting`: for the first time, or again after it was closed · `online`: there is a connection, or it was lost only a moment ago ·
   * `reconnecting`: it is lost · `offline`: it is lost, and the browser reports no network · `closed`: it stays so until `connect()`.
   */
  readonly status: 'connecting' | 'online' | 'reconnecting' | 'offline' | 'closed'
  /** How long until the next attempt, in milliseconds, rounded up to whole seconds; `null` where none is waited for, or nothing is shown. */
  readonly retryInMs: number | null
  /** Why it is lost or closed; `null` where nothing is wrong, or the application closed the client. */
  readonly diagnosis: Diagnosis | null
  /** The state of the client, without any delay. */
  readonly state: ClientState
}

/** What is remembered of a connection for as long as a page shows it. */
export interface Trace {
  readonly state: ClientState
  /** When it was lost, or the first attempt failed, by the wall clock; `null` where neither is so. */
  readonly lostAt: number | null
  readonly wasOpen: boolean
  readonly diagnosis: Diagnosis | null
}

/** Before anything is known; what a server renders. */
export const untraced: Trace = { state: { status: 'idle' }, lostAt: null, wasOpen: false, diagnosis: null }

/** The trace after the client has come into this state. */
export function traced(before: Trace, state: ClientState, now: number): Trace {
  const { status } = state
  if (status === 'open') return { ...untraced, state, wasOpen: true }
  if (status === 'closed') return { ...untraced, state, diagnosis: state.diagnosis }
  const isLost = before.wasOpen || before.lostAt !== null
  // A client that was closed connects as for the first time.
  if (status === 'idle' || (status === 'connecting' && state.attempt === 0 && !isLost)) return { ...untraced, state }
  const diagnosis = status === 'connecting' ? before.diagnosis : state.diagnosis
  return { ...before, state, lostAt: before.lostAt ?? now, diagnosis }
}

/** What of it is shown at this time, a loss not before it has lasted for `delayMs`; and when that changes by itself. */
export function viewAt(
  trace: Trace,
  delayMs: number,
  now: number,
): { readonly view: ConnectionView; readonly until: number | null } {
  const { state, lostAt, wasOpen, diagnosis } = trace
  const calm = { retryInMs: null, diagnosis: null, state }
  if (state.status === 'closed') return { view: { ...calm, status: 'closed', diagnosis }, until: null }
  const elapsedMs = lostAt === null ? 0 : now - lostAt
  // A clock that was set back must not hide a loss.
  if (lostAt === null || (elapsedMs < delayMs && elapsedMs >= 0))
    return { view: { ...calm, status: wasOpen ? 'online' : 'connecting' }, until: lostAt && lostAt + delayMs }
  const retry = 'retry' in state ? state.retry : null
  const leftMs = Math.max(0, (retry?.at ?? now) - now)
  const retryInMs = retry && Math.ceil(leftMs / 1000) * 1000
  return {
    view: { status: state.status === 'offline' ? 'offline' : 'reconnecting', retryInMs, diagnosis, state },
    until: retryInMs ? now + leftMs - retryInMs + 1000 : null,
  }
}
