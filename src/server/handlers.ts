import type { AnyPrincipal, Principal, Sendable, Session } from './session/session-handle.ts'
import type { Ending } from './store/ports.ts'

/** A message from a client. */
export interface Message<In = string | ArrayBuffer> {
  /** The text or the bytes; with a `codec`, the decoded value. */
  readonly data: In
  /** Identifies the message for good: its session, and its number there. An application that must not act twice on it stores this id. */
  readonly id: { readonly session: string; readonly n: number }
  /** Whether a handler may have seen the message before: a node died, the store failed its handler, or the server lost the session. */
  readonly redelivered: boolean
}

/**
 * The application's handlers. An error that a handler throws or rejects with is reported, and the handler counts as done; except that
 * `onSession`, `onMessage` and `onEnd` run again where it is a `StoreUnavailableError`.
 */
export interface Handlers<Who extends AnyPrincipal = Principal, Data = unknown, In = string | ArrayBuffer, Out = Sendable> {
  /**
   * Runs once per session, before any of its messages is handled; they wait for its promise. If the node dies during it, it runs again on
   * another node.
   */
  readonly onSession?: ((session: Session<Who, Data, Out>) => unknown) | undefined
  /**
   * Runs for each message of a session, one at a time, on the node that took the message. When its promise settles, the message is done
   * and acknowledged to the client. If the node dies during it, the message is handled again, marked `redelivered`.
   */
  readonly onMessage?: ((session: Session<Who, Data, Out>, message: Message<In>) => unknown) | undefined
  /**
   * Runs when a client attaches to the session, or attaches again after `onDetach`: on the node that wrote it, once. A client that merely
   * changes its transport or its node has not left. It may run while `onSession` is still waiting, and does not delay any message.
   */
  readonly onAttach?: ((session: Session<Who, Data, Out>) => unknown) | undefined
  /**
   * Runs when the session's client is gone, with the end of its last attachment, or with the end of the session: as soon as a node notices
   * it, which takes no longer than the silence that `heartbeatMs` permits. The session itself lasts for `resumeWindowMs`.
   */
  readonly onDetach?: ((session: Session<Who, Data, Out>, ending: Ending) => unknown) | undefined
  /**
   * Runs once when a session has ended, after its last message. If the node dies during it, it runs again on another node. With `pinSessions`
   * it runs on the session's node; on another one if that has died, and on both if it was only taken for dead.
   */
  readonly onEnd?: ((session: Session<Who, Data, Out>, ending: Ending) => unknown) | undefined
}
