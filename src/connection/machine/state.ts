import type { Report } from '../../api/evidence.ts'
import type { PageSignal } from '../../api/host.ts'
import type { Diagnosis } from '../../diagnosis/diagnose.ts'
import type { RetryPolicy } from './backoff.ts'
import { at, type Ranking } from './transport-ranking.ts'

/** What the machine must know of a transport; see `Transport`. */
export interface RankedTransport {
  readonly isProvenByHearing: boolean
  readonly isPolling: boolean
  readonly canPing: boolean
  /** What answers heartbeats will be heard, so having lived for a while proves nothing. */
  readonly isProvenByReply: boolean
  /** Can go on from a cursor, so that a running connection can be moved from or to it. */
  readonly resumes: boolean
  /** Where its server is: origins fail apart. */
  readonly origin: string
}

/** What never changes in a client's life. */
export interface Policy {
  readonly ranked: readonly RankedTransport[]
  readonly connectTimeoutMs: number
  readonly provingMs: number
  /** A fixed pause before the next transport is dialled as well; `null` takes it from the round trip. */
  readonly raceAfterMs: number | null
  /** What silence means now; a session's server says it. */
  heartbeat(): { readonly intervalMs: number; readonly timeoutMs: number } | null
  /** How much longer than usual silence is nothing unusual now, in milliseconds. */
  graceMs(): number
  /** Whether `prepare()` runs before a dial, so that the dial's own time begins when it is done. */
  readonly prepares: boolean
  readonly retry: RetryPolicy
  random(): number
  diagnose(report: Report, attempt: Pick<Dial, 'id' | 'rank'>, phase: 'connect' | 'open', elapsedMs: number): Diagnosis
}

/** An attempt on its way. */
export interface Dial {
  readonly id: number
  readonly rank: number
  readonly since: number
  /** When it is given up. */
  readonly until: number
}

/** An attempt that opened. */
export interface OpenLink {
  readonly id: number
  readonly rank: number
  readonly openedAt: number
  readonly heardAt: number
  /** Whether anything has come since it opened. */
  readonly hasHeard: boolean
  readonly isProven: boolean
  /** When having lived so long proves it; `Infinity` while only hearing something can. */
  readonly provenAt: number
  /** Whether a message has passed, either way. */
  readonly hasPassedMessage: boolean
  /** A sign of life is waited for until then, after a ping or because one is due. */
  readonly check: { readonly at: number; readonly until: number; readonly isWoken: boolean } | null
  /** Counts how often the transport had to poll at once. */
  readonly polls: number
}

/** A failure to be told to the application. */
export interface Failure {
  readonly id: number
  readonly diagnosis: Diagnosis
}

/** Survives every change of phase. */
export interface Core {
  readonly lastId: number
  readonly ranking: Ranking
  /** Rounds that failed since the connection was last proven. */
  readonly failures: number
  /** Until so many have failed a round dials the proven transport alone, and in that one another beside it; 0: all transports. See `roundOf`. */
  readonly othersAt: number
  readonly outageSince: number | null
  /** `prepare()` has been asked for fresh credentials, and they have not proven themselves yet. */
  readonly isRefreshed: boolean
  readonly isOnline: boolean
  readonly hiddenSince: number | null
  /** The last known round trip, in milliseconds. */
  readonly roundTripMs: number | null
  readonly dialledAt: number
  /** The server does not want to be tried before. */
  readonly notBefore: number
  /** What failed in the last transition alone. */
  readonly newFailures: readonly Failure[]
}

export interface Connecting extends Core {
  readonly status: 'connecting'
  readonly dials: readonly Dial[]
  /** Transports that this round has not dialled yet, in order. */
  readonly queue: readonly number[]
  /** Transports that it leaves out unless the server shows that it is there. */
  readonly spare: readonly number[]
  /** When the next of them is dialled beside what is on its way. */
  readonly raceAt: number
  /** A transport said that the credentials are refused while another dial was on its way, whose end decides. */
  readonly refusal: Diagnosis | null
}

export interface Open extends Core {
  readonly status: 'open'
  readonly link: OpenLink
  /** Attempts beside the open one that may take its place. */
  readonly challengers: readonly Dial[]
  /** When to look around again: for a better transport, and whether the machine has slept. */
  readonly reviewAt: number
}

export interface Waiting extends Core {
  readonly status: 'waiting' | 'offline'
  readonly waitingSince: number
  /** `Infinity` while the page is put away. */
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
  /** The application wants another connection in place of the one that is, or is coming about. */
  | { readonly type: 'reconnect' }
  | { readonly type: 'close'; readonly code: number; readonly reason: string }
  /** `prepare()` is done and the transport was told to dial. */
  | { readonly type: 'prepared'; readonly id: number }
  | { readonly type: 'opened'; readonly id: number; readonly hasCursor: boolean; readonly roundTripMs?: number | undefined }
  | { readonly type: 'failed'; readonly id: number; readonly diagnosis: Diagnosis }
  /** More is known of a failure now; it matters where it says that no attempt has a point. */
  | { readonly type: 'refined'; readonly diagnosis: Diagnosis }
  /** The first sign of life, of several, that matters; the others come with the next deadline. */
  | { readonly type: 'heard'; readonly id: number; readonly hasCursor: boolean }
  /** A message passed, in or out. */
  | { readonly type: 'message'; readonly id: number; readonly isIncoming: boolean }
  | { readonly type: 'deadline'; readonly heardAt: number; readonly hasCursor: boolean }
  /** What was sent should have been acknowledged by now. */
  | { readonly type: 'ack-overdue' }
  /** The application does not read what comes, or does again. */
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
    othersAt: 0,
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

/** The one instant at which the state wants to be woken; `Infinity` for never. */
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

/** When silence has to be acted upon. */
export function silentAt({ check, heardAt, rank }: OpenLink, policy: Policy): number {
  if (check) return check.until
  const heartbeat = policy.heartbeat()
  const { isPolling, canPing } = at(policy.ranked, rank)
  if (!heartbeat || isPolling) return Infinity
  return heardAt + heartbeat.intervalMs + (canPing ? 0 : heartbeat.timeoutMs + policy.graceMs())
}
