import type { IncomingMessage } from 'node:http'
import type { AnyPrincipal, Principal } from './session/session-handle.ts'

/** A client that asks for a new session. */
export interface SessionOffer<Who extends AnyPrincipal = Principal> {
  /** The id of the session, as `session.id`. Keep it out of logs. */
  readonly id: string
  /** What `authenticate` returned for the request. */
  readonly principal: Who
  /** The subprotocols that a client of `steadfast/socket` offers, the best first; empty if it offers none, and for other clients. */
  readonly protocols: readonly string[]
  /** Whether it is a client of `steadfast/socket`. */
  readonly isSocket: boolean
  /** The upgrade or the POST with which the client attaches. Its body has been read. */
  readonly request: IncomingMessage
  /** What the client's `prepare()` returned as `auth`. */
  readonly auth: unknown
  /**
   * Aborted when the session is not created on this node after all: it was refused, the answer came too late, another node was first, the
   * store failed, or this server was closed. What was prepared for the session is then to be given up.
   */
  readonly signal: AbortSignal
}

/** Why a client gets no session. */
export interface SessionRefusal {
  /**
   * A close code that the client receives: 4401 (it asks its `prepare()` once more), 4403 or 4410 (it stops), 4429 or 4503 (it comes back),
   * or another one from 4000 to 4999 except 4409.
   */
  readonly code: number
  /** At most 123 bytes. @defaultValue '' */
  readonly reason?: string | undefined
  /** How long the client is to stay away, in milliseconds, at most a day; for 4429 and 4503. @defaultValue the client decides */
  readonly retryAfterMs?: number | undefined
}

/** The subprotocol that was chosen; none; or a refusal. */
export type SessionAnswer = string | null | undefined | SessionRefusal
