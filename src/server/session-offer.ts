import type { IncomingMessage } from 'node:http'
import type { AnyPrincipal, Principal } from './session/session-handle.ts'

/** A client that asks for a new session. */
export interface SessionOffer<Who extends AnyPrincipal = Principal> {
  /** The id of the session, as `session.id`. Keep it out of logs. */
  readonly id: string
  /** What `authenticate` returned for the request. */
  readonly principal: Who
  /** The subprotocols that a client of `steadfast/socket` offers, the best first; empty for other clients. */
  readonly protocols: readonly string[]
  /** Whether the client is one of `steadfast/socket`. */
  readonly isSocket: boolean
  /** The upgrade or the POST with which the client attaches. Its body has already been read. */
  readonly request: IncomingMessage
  /** The `auth` that the client's `prepare()` returned. */
  readonly auth: unknown
  /**
   * Aborted when the session is not created on this node after all: it was refused, the answer came too late, another node was
   * first, the store failed, or this server was closed. Release then whatever you prepared for the session.
   */
  readonly signal: AbortSignal
}

/** A refusal: why a client gets no session. */
export interface SessionRefusal {
  /**
   * The close code for the client: 4401 (the client calls its `prepare()` once more), 4403 or 4410 (it stops), 4429 or 4503 (it
   * retries), or another one from 4000 to 4999 except 4409.
   */
  readonly code: number
  /** The reason that the client receives, at most 123 bytes of UTF-8. @defaultValue '' */
  readonly reason?: string | undefined
  /** The client's retry delay in milliseconds, at most a day; for 4429 and 4503. @defaultValue the client decides */
  readonly retryAfterMs?: number | undefined
}

/** The selected subprotocol, `null` or `undefined` for none, or a refusal. */
export type SessionAnswer = string | null | undefined | SessionRefusal
