import type { Report } from '../../api/evidence.ts'
import type { PageSignal } from '../../api/host.ts'
import type { Diagnosis } from '../../diagnosis/diagnose.ts'
import type { RetryPolicy } from './backoff.ts'
import { atRank, type Ranking } from './transport-ranking.ts'

/** The properties of a transport that the machine needs; see `Transport`. */
export interface RankedTransport {
  readonly isProvenByHearing: boolean
  readonly isPolling: boolean
  readonly canPing: boolean
  /** Heartbeats are answered, so only a reply proves the connection, not a lifetime of `provingMs`. */
  readonly isProvenByReply: boolean
  /** The transport can resume from a cursor, so that an open connection can be moved from it or to it. */
  readonly resumes: boolean
  /** Returns the origin of its URL, which may be known only at the first dial: different origins fail independently. */
  origin(): string
}

/** The settings and functions of the machine, constant for a client. */
export interface Policy {
  readonly ranked: readonly RankedTransport[]
  readonly connectTimeoutMs: number
  readonly provingMs: number
  /** A fixed delay before the next transport is raced; `null` derives it from the round trip. */
  readonly raceAfterMs: number | null
  /** Returns the current heartbeat, which a session's server sets; `null` for none. */
  heartbeat(): { readonly intervalMs: number; readonly timeoutMs: number } | null
  /** Returns how much longer than the heartbeat's timeout the client currently waits, in milliseconds. */
  graceMs(): number
  /** Whether `prepare()` runs before a dial; then the dial's timeout starts when it has settled. */
  readonly prepares: boolean
  readonly retry: RetryPolicy
  random(): number
  diagnose(report: Report, attempt: Pick<Dial, 'id' | 'rank'>, phase: 'connect' | 'open', elapsedMs: number): Diagnosis
}

/** An attempt that has not opened. */
export interface Dial {
  readonly id: number
  readonly rank: number
  readonly since: number
  /** When the attempt times out. */
  readonly until: number
}

/** An attempt that opened. */
export interface OpenLink {
  readonly id: number
  readonly rank: number
  readonly openedAt: number
  readonly heardAt: number
  /** Whether anything was received since it opened. */
  readonly hasHeard: boolean
  readonly isProven: boolean
  /** When its lifetime proves it; `Infinity` if only received data can. */
  readonly provenAt: number
  /** Whether a message was sent or received. */
  readonly hasPassedMessage: boolean
  /** The running check: the client expects a sign of life before `until`, after a ping or because one is due. */
  readonly check: { readonly at: number; readonly until: number; readonly isWoken: boolean } | null
  /** Counts the immediate polls that the machine asked for. */
  readonly polls: number
}

/** A failure to report to the application. */
export interface ReportedFailure {
  readonly id: number
  readonly diagnosis: Diagnosis
}

/** The fields that all phases share. */
export interface Core {
  readonly lastId: number
  readonly ranking: Ranking
  /** Rounds that failed since the connection was last proven. */
  readonly failures: number
  /** Rounds dial only the proven transport until so many failed; this one also dials others. 0: all transports. See `roundOf`. */
  readonly wideRound: number
  readonly outageSince: number | null
  /** `prepare()` was asked for fresh credentials, and no connection has been proven with them yet. */
  readonly isRefreshed: boolean
  readonly isOnline: boolean
  readonly hiddenSince: number | null
  /** The last known round trip, in milliseconds. */
  readonly roundTripMs: number | null
  readonly dialledAt: number
  /** The earliest time at which the server accepts a retry (`Retry-After`). */
  readonly notBefore: number
  /** The failures of the last transition only. */
  readonly newFailures: readonly ReportedFailure[]
}

export interface Connecting extends Core {
  readonly status: 'connecting'
  readonly dials: readonly Dial[]
  /** Transports that this round has not dialled yet, in order. */
  readonly queue: readonly number[]
  /** Transports that this round leaves out unless the server turns out to be up. */
  readonly omitted: readonly number[]
  /** When the next of them is raced beside the running dials. */
  readonly raceAt: number
  /** The credentials were refused over one transport while another dial was running, whose outcome decides. */
  readonly refusal: Diagnosis | null
}

export interface Open extends Core {
  readonly status: 'open'
  readonly link: OpenLink
  /** Attempts beside the open one that may take its place. */
  readonly challengers: readonly Dial[]
  /** When to review: to try a better transport, and to notice that the machine has slept. */
  readonly reviewAt: number
}

export interface Waiting extends Core {
  readonly status: 'waiting' | 'offline'
  readonly waitingSince: number
  /** `Infinity` while suspended: the page is in the back/forward cache, or the application holds the connection. */
  readonly retryAt: number
  readonly diagnosis: Diagnosis
}

export interface Closed extends Core {
  readonly status: 'closed'
  readonly code: number
  readonly reason: string
  readonly diagnosis: Diagnosis | null
}

/**
 * ```
 *           connect                    opened
 *   idle ───────────▶ connecting ─────────────▶ open
 *                     ▲   │  ▲                  │ │
 *            deadline │   │  └──── (a challenger) ───┘ │ lost
 *                     │   ▼ all failed            ▼
 *                     waiting / offline ◀─────────┘
 *   any ── close, verdict stop, no retry left ──▶ closed ── connect ──▶ connecting
 * ```
 */
export type State = (Core & { readonly status: 'idle' }) | Connecting | Open | Waiting | Closed

export type Input =
  | { readonly type: 'connect' }
  /** The application called `reconnect()`. */
  | { readonly type: 'reconnect' }
  | { readonly type: 'close'; readonly code: number; readonly reason: string }
  /** `prepare()` has settled, and the transport dials. */
  | { readonly type: 'prepared'; readonly id: number }
  | { readonly type: 'opened'; readonly id: number; readonly hasCursor: boolean; readonly roundTripMs?: number | undefined }
  | { readonly type: 'failed'; readonly id: number; readonly diagnosis: Diagnosis }
  /** The diagnosis of a failure was refined; it matters if its verdict is `stop`. */
  | { readonly type: 'refined'; readonly diagnosis: Diagnosis }
  /** A sign of life that changes the state; the time of the others comes with the next `deadline`. */
  | { readonly type: 'heard'; readonly id: number; readonly hasCursor: boolean }
  /** A message was received or sent. */
  | { readonly type: 'message'; readonly id: number; readonly isIncoming: boolean }
  | { readonly type: 'deadline'; readonly heardAt: number; readonly hasCursor: boolean }
  /** The acknowledgment of a written message is overdue. */
  | { readonly type: 'ack-overdue' }
  /** The application has too much unread (`isHeld`), or has read it. */
  | { readonly type: 'hold'; readonly isHeld: boolean }
  | { readonly type: 'page'; readonly signal: PageSignal }

export function initialState(
  ranking: Ranking,
  isOnline: boolean,
  isHidden: boolean,
  roundTripMs: number | null,
  now: number,
): State {
  return {
    status: 'idle',
    lastId: 0,
    ranking,
    failures: 0,
    wideRound: 0,
    outageSince: null,
    isRefreshed: false,
    isOnline,
    hiddenSince: isHidden ? now : null,
    roundTripMs,
    dialledAt: 0,
    notBefore: 0,
    newFailures: [],
  }
}

/** Returns the next deadline of a state; `Infinity` for none. */
export function deadlineOf(state: State, policy: Policy): number {
  switch (state.status) {
    case 'connecting':
      return Math.min(state.raceAt, ...state.dials.map((dial) => dial.until))
    case 'open': {
      const { link, challengers, reviewAt } = state
      return Math.min(
        reviewAt,
        silentAt(link, policy),
        link.isProven ? Infinity : link.provenAt,
        ...challengers.map((challenger) => challenger.until),
      )
    }
    case 'waiting':
    case 'offline':
      return state.retryAt
    case 'idle':
    case 'closed':
      return Infinity
    default:
      return state satisfies never
  }
}

/** Returns when silence counts as loss, or needs a ping. */
export function silentAt({ check, heardAt, rank }: OpenLink, policy: Policy): number {
  if (check) return check.until
  const heartbeat = policy.heartbeat()
  const { isPolling, canPing } = atRank(policy.ranked, rank)
  if (!heartbeat || isPolling) return Infinity
  return heardAt + heartbeat.intervalMs + (canPing ? 0 : heartbeat.timeoutMs + policy.graceMs())
}
