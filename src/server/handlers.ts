import type { AnyPrincipal, Principal, Sendable, Session } from './session/session-handle.ts'
import type { Since } from './session/subscribe.ts'
import type { Ending } from './store/ports.ts'

/** A message from a client. */
export interface Message<In = string | ArrayBuffer> {
  /** The text or the bytes; with a `codec`, the decoded value. */
  readonly data: In
  /** The message's permanent id: its session, and its number there. Store it if the message must not take effect twice. */
  readonly id: { readonly session: string; readonly n: number }
  /** Whether a handler may have seen the message before: a node died, the store failed its handler, or the server lost the session. */
  readonly redelivered: boolean
}

/** A request of a client, which expects a reply. */
export interface RequestMessage<In = string | ArrayBuffer> extends Message<In> {
  /** Aborted when the client stops waiting, when its session ends, and when another node takes over the request. */
  readonly signal: AbortSignal
}

/** The answer of `onSubscribe` that allows a subscription: the topic as requested, or with these changes. */
export interface AllowedTopic {
  /** The topic that the client actually reads; it keeps the name that it asked for. @defaultValue the topic that it asked for */
  readonly topic?: string
  /** Where the subscription begins. @defaultValue where the client asked for */
  readonly since?: Since
  /** Expiry in milliseconds since 1970; the client then asks again, with fresh `params`, unless it did so less than 5 s ago. @defaultValue never */
  readonly expiresAt?: number
}

/** The answer of `onPublish` that allows a publication: the data as the client sent it, or with these changes. */
export interface AllowedPublication<Out = unknown> {
  /** The data to publish. @defaultValue the data as the client sent it */
  readonly data?: Out
  /** The topic to publish to. @defaultValue the topic that the client named, or the one that `onSubscribe` gave it under that name */
  readonly topic?: string
}

/**
 * The application's handlers. An error that a handler throws or rejects with is reported, and the handler counts as done; except
 * that `onSession`, `onMessage` and `onEnd` run again after a `StoreUnavailableError`. The client learns which of its messages
 * `onMessage` failed for (`flushed()`).
 */
export interface Handlers<Who extends AnyPrincipal = Principal, Data = unknown, In = string | ArrayBuffer, Out = Sendable> {
  /**
   * Runs once per session, before any of its messages is handled; messages wait for its promise. If the node dies while it runs,
   * it runs again on another node.
   */
  readonly onSession?: ((session: Session<Who, Data, Out>) => unknown) | undefined
  /**
   * Runs for each message of a session, one at a time, on the node that accepted it. When its promise settles, the message is
   * done and acknowledged to the client. If the node dies while it runs, the message is handled again, marked `redelivered`.
   */
  readonly onMessage?: ((session: Session<Who, Data, Out>, message: Message<In>) => unknown) | undefined
  /**
   * Answers a request of a client (`client.request()`) with what it returns, or a promise of it; `undefined` is a reply without
   * data. Requests start in order with the messages, up to 16 per session at once: what follows a request does not wait for it.
   * If the node dies before the reply is stored, the request is handled again, marked `redelivered`. The client receives the code
   * and the message of a thrown `RequestError`, and of any other error only the code `'internal'`.
   * @defaultValue every request is answered with `'unhandled'`
   */
  readonly onRequest?: ((session: Session<Who, Data, Out>, message: RequestMessage<In>) => unknown) | undefined
  /**
   * Decides whether a client may subscribe to a topic (`client.subscribe()`): returns `true`, or an `AllowedTopic`; any other
   * value refuses it with `'forbidden'`, and a thrown `RequestError` with its code. `params` is JSON from the client.
   * @defaultValue every topic is refused
   */
  readonly onSubscribe?: ((session: Session<Who, Data, Out>, topic: string, params: unknown) => unknown) | undefined
  /**
   * Decides whether a client may publish to a topic (`topic.publish()`): returns `true`, or an `AllowedPublication`; any other
   * value refuses it. The message is published once, even if this handler has to run again.
   * @defaultValue every publication is refused
   */
  readonly onPublish?: ((session: Session<Who, Data, Out>, topic: string, data: In) => unknown) | undefined
  /**
   * Runs when a client attaches to the session, or attaches again after `onDetach`: once, on the node that recorded it. A client
   * that only changes its transport or node has not left. It may run beside `onSession`, and delays no message.
   */
  readonly onAttach?: ((session: Session<Who, Data, Out>) => unknown) | undefined
  /**
   * Runs when the session's client is gone, at the end of its last attachment, or at the end of the session: as soon as a node
   * notices it, which takes no longer than the silence that `heartbeatMs` permits. The session itself lasts for `resumeWindowMs`.
   */
  readonly onDetach?: ((session: Session<Who, Data, Out>, ending: Ending) => unknown) | undefined
  /**
   * Runs once when a session has ended, after its last message. If the node dies while it runs, it runs again on another node.
   * With `pinSessions` it runs on the session's node; on another if that one died, and on both if it was wrongly presumed dead.
   */
  readonly onEnd?: ((session: Session<Who, Data, Out>, ending: Ending) => unknown) | undefined
}
