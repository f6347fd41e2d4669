import type { AnyPrincipal, Principal, Sendable, Session } from './session/session-handle.ts'
import type { Since } from './session/subscribe.ts'
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

/** A request of a client, which is answered. */
export interface RequestMessage<In = string | ArrayBuffer> extends Message<In> {
  /** Aborted when the client no longer waits for the reply, when its session ends, and when another node handles the request instead. */
  readonly signal: AbortSignal
}

/** What `onSubscribe` allows: the topic as the client has named it, or under these conditions. */
export interface AllowedTopic {
  /** The topic that the client reads in fact, under the name that it has used. @defaultValue the topic that it has named */
  readonly topic?: string
  /** Where the subscription begins. @defaultValue where the client has asked for */
  readonly since?: Since
  /** Until when, in milliseconds since 1970. The client then asks anew, with fresh `params`. @defaultValue for as long as the session lasts */
  readonly expiresAt?: number
}

/** What `onPublish` allows: the data as the client has sent it, or these. */
export interface AllowedPublication<Out = unknown> {
  readonly data?: Out
  /** @defaultValue the topic that the client has named, or which `onSubscribe` gave it under that name */
  readonly topic?: string
}

/**
 * The application's handlers. An error that a handler throws or rejects with is reported, and the handler counts as done; except that
 * `onSession`, `onMessage` and `onEnd` run again where it is a `StoreUnavailableError`. The client learns for which of its messages `onMessage`
 * has failed (`flushed()`).
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
   * Answers a request of a client (`client.request()`): what it returns, or a promise of it, is the reply; `undefined` is one without data.
   * Requests are handled in order with the messages, up to 16 of a session at the same time: what follows a request does not wait for it. If
   * the node dies before the reply is stored, the request is handled again, marked `redelivered`. A client learns the code and the message of
   * a `RequestError` that it throws, and of any other error only that there was one (`'internal'`).
   * @defaultValue every request is answered with `'unhandled'`
   */
  readonly onRequest?: ((session: Session<Who, Data, Out>, message: RequestMessage<In>) => unknown) | undefined
  /**
   * Decides whether a client may subscribe to a topic (`client.subscribe()`): `true`, or under which conditions; anything else refuses it
   * with `'forbidden'`, and a `RequestError` that it throws with its code. `params` is JSON of the client's.
   * @defaultValue every topic is refused
   */
  readonly onSubscribe?: ((session: Session<Who, Data, Out>, topic: string, params: unknown) => unknown) | undefined
  /**
   * Decides whether a client may publish to a topic (`topic.publish()`): `true`, or what is published instead; anything else refuses it. The
   * publication is made once, even if this handler has to run again.
   * @defaultValue every publication is refused
   */
  readonly onPublish?: ((session: Session<Who, Data, Out>, topic: string, data: In) => unknown) | undefined
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
