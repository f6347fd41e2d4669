import type { Ending } from './ports.ts'
import type { Session } from './session.ts'

/** A client's message. */
export interface Message {
  readonly data: string | ArrayBuffer
  /** Names it for good: the session, and its number there. An application that must not act twice remembers it. */
  readonly id: { readonly session: string; readonly n: number }
  /** A node died, or the server lost the session, while it may have been in a handler: it may have been seen before. */
  readonly redelivered: boolean
}

/** What the application does. A handler that throws or rejects is reported, and counts as done. */
export interface Handlers {
  /**
   * Runs once in a session's life, before anything of it is handled. Its promise is waited for.
   * If the node dies in it, it runs again on another.
   */
  readonly onSession?: ((session: Session) => unknown) | undefined
  /**
   * Runs for each message of a session, one after the other, on the node that took it. When its promise settles the message
   * is done, and the client is told so. If the node dies in it the message comes again, `redelivered`.
   */
  readonly onMessage?: ((session: Session, message: Message) => unknown) | undefined
  /** Runs once when a session is over, behind its last message. If the node dies in it, it runs again on another. */
  readonly onEnd?: ((session: Session, ending: Ending) => unknown) | undefined
}
