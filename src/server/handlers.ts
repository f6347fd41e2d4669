import type { AnyPrincipal, Principal, Sendable, Session } from './session/session-handle.ts'
import type { Ending } from './store/ports.ts'

/** A client's message. */
export interface Message<In = string | ArrayBuffer> {
  /** A text or the bytes; with a `codec` what that makes of them. */
  readonly data: In
  /** Names it for good: the session, and its number there. An application that must not act twice remembers it. */
  readonly id: { readonly session: string; readonly n: number }
  /** A node died, or the server lost the session, while it may have been in a handler: it may have been seen before. */
  readonly redelivered: boolean
}

/** What the application does. A handler that throws or rejects is reported, and counts as done. */
export interface Handlers<Who extends AnyPrincipal = Principal, Data = unknown, In = string | ArrayBuffer, Out = Sendable> {
  /**
   * Runs once in a session's life, before anything of it is handled. Its promise is waited for.
   * If the node dies in it, it runs again on another.
   */
  readonly onSession?: ((session: Session<Who, Data, Out>) => unknown) | undefined
  /**
   * Runs for each message of a session, one after the other, on the node that took it. When its promise settles the message
   * is done, and the client is told so. If the node dies in it the message comes again, `redelivered`.
   */
  readonly onMessage?: ((session: Session<Who, Data, Out>, message: Message<In>) => unknown) | undefined
  /** Runs once when a session is over, behind its last message. If the node dies in it, it runs again on another. */
  readonly onEnd?: ((session: Session<Who, Data, Out>, ending: Ending) => unknown) | undefined
}
