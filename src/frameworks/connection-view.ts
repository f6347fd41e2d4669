import type { ClientState } from '../api/events.ts'
import type { Diagnosis } from '../diagnosis/diagnose.ts'

/** What a page shows its user about the connection. */
export interface ConnectionView {
  /**
   * `connecting`: for the first time, or again after a close · `online`: connected, or lost for less than `delayMs` ·
   * `reconnecting`: the connection is lost · `offline`: it is lost, and the browser reports no network · `closed`: the client
   * stays closed until `connect()`.
   */
  readonly status: 'connecting' | 'online' | 'reconnecting' | 'offline' | 'closed'
  /** The time until the next attempt, in milliseconds, rounded up to whole seconds; `null` if none is due or no loss is shown. */
  readonly retryInMs: number | null
  /** Why the connection is lost or closed; `null` if no loss is shown, or the application closed the client. */
  readonly diagnosis: Diagnosis | null
  /** The state of the client, without any delay. */
  readonly state: ClientState
}

/** What is known of a connection while a component shows it. */
export interface Trace {
  readonly state: ClientState
  /** When the connection was lost, or the first attempt failed, by the wall clock; `null` if neither has happened. */
  readonly lostAt: number | null
  readonly wasOpen: boolean
  readonly diagnosis: Diagnosis | null
}

/** The trace before anything is known, and during server rendering. */
export const untraced: Trace = { state: { status: 'idle' }, lostAt: null, wasOpen: false, diagnosis: null }

/** The trace after the client has entered this state. */
export function traced(before: Trace, state: ClientState, now: number): Trace {
  const { status } = state
  if (status === 'open') return { ...untraced, state, wasOpen: true }
  if (status === 'closed') return { ...untraced, state, diagnosis: state.diagnosis }
  const isLost = before.wasOpen || before.lostAt !== null
  // A client that was closed connects as if for the first time.
  if (status === 'idle' || (status === 'connecting' && state.attempt === 0 && !isLost)) return { ...untraced, state }
  const diagnosis = status === 'connecting' ? before.diagnosis : state.diagnosis
  return { ...before, state, lostAt: before.lostAt ?? now, diagnosis }
}

/** The view at this time; a loss appears once it has lasted for `delayMs`. `until`: when the view changes by itself. */
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
