import type { CloseFrame } from '../../wire/steadfast-v1.ts'
import type { TopicFeeds } from '../delivery/topic-feed.ts'
import type { Handlers } from '../handlers.ts'
import type { Limits } from '../limits.ts'
import type { Backlog } from '../session/backlog.ts'
import type { Principal, ServerCodec, SessionCommands } from '../session/session-handle.ts'
import type { SessionStore, TopicLog } from '../store/ports.ts'
import type { TimeSlices } from '../util/time-slices.ts'
import type { ServerHost } from './host.ts'

/** What a node goes by, checked and complete. */
export interface NodeSettings {
  readonly limits: Limits
  /** No held attachment is silent for longer (rule 6). */
  readonly heartbeatMs: number
  /** How long a session outlives its last attachment (rules 4 and 8). */
  readonly resumeWindowMs: number
  /** After so long without a sign, a node that runs a handler is taken for dead (rule 2). */
  readonly leaseMs: number
  /** How long credentials that were checked are believed; a principal's own `expiresAt` may end that earlier. */
  readonly reauthenticateMs?: number
  /** How often a node looks after what nobody tells it of. */
  readonly tickMs: number
  /** Whether principals are told apart. */
  readonly isAuthenticating: boolean
  /** Makes messages of the application's values and back. */
  readonly codec?: ServerCodec<unknown, unknown> | undefined
}

/** The node, as a session on it sees it. */
export interface NodeContext {
  readonly id: string
  readonly host: ServerHost
  readonly settings: NodeSettings
  readonly handlers: Handlers
  readonly topics: TopicLog
  readonly sessions: SessionStore
  readonly feeds: TopicFeeds
  readonly commands: SessionCommands
  /** What waits for the handlers, over all sessions. */
  readonly backlog: Backlog
  /** For what takes long. */
  readonly slices: TimeSlices
  /** It has been stopped: whatever still comes true has nobody to care for it. */
  readonly isDown: boolean
  /** Whole milliseconds since the node was made: small numbers, which cost an attachment nothing to keep. */
  elapsedMs(): number
  /** Why there is no room for one session more, if there is none. */
  roomFor(principal: Principal): Promise<CloseFrame | null>
  /** How long somebody who comes too fast should stay away, in milliseconds. */
  pauseMs(): number
  retryWindowMs(): number
  /** Calls `sendAck` of a session, a little later. */
  later(session: { sendAck(): void }): void
}

/** The times by which a node goes, from those that are set. */
export function tickOf(heartbeatMs: number, leaseMs: number, resumeWindowMs: number, reauthenticateMs = Infinity): number {
  return Math.max(1, Math.min(1000, heartbeatMs / 8, leaseMs / 4, resumeWindowMs / 4, reauthenticateMs / 4))
}

/** Nobody is asked to stay away for longer, in milliseconds: a session must not expire while its client waits (rule 18). */
export function mostWaitMs({ resumeWindowMs }: NodeSettings): number {
  return Math.min(30_000, resumeWindowMs / 2)
}

/** How often a node says of a session that somebody is still attached to it here. */
export function renewEveryMs({ resumeWindowMs }: NodeSettings): number {
  return resumeWindowMs / 3
}

/** Until when a session stands that is attached now: should this node die before it says so again, the client still has its whole window. */
export function attachedUntil(now: number, settings: NodeSettings): number {
  return now + settings.resumeWindowMs + renewEveryMs(settings) + settings.tickMs
}
