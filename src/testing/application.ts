import type { Payload } from '../api/protocol.ts'
import type { TopicSince } from '../wire/calls.ts'
import type { FakeRequest } from './request.ts'
import type { FakeSession } from './session.ts'

/** The result of `onSubscribe` of a fake server, as that of `steadfast/server`. */
export interface AllowedSubscription {
  /** The topic that the client actually reads. @defaultValue the topic it named */
  readonly topic?: string
  /** Where the subscription begins. @defaultValue where the client asked for */
  readonly since?: TopicSince
  /** When the permission expires, in milliseconds since 1970; the client then asks again. @defaultValue when the session ends */
  readonly expiresAt?: number
}

/** The result of `onPublish` of a fake server. */
export interface AllowedPublication<In> {
  /** @defaultValue the client's data */
  readonly data?: In
  /** @defaultValue the topic that the client named */
  readonly topic?: string
}

/** The application's handlers on a fake server. A `RequestError` that one throws reaches the client. */
export interface CallHandlers<In, Out> {
  /** Answers a client's request with its return value or a promise of it. @defaultValue requests wait for `nextRequest()` */
  readonly onRequest?: (
    data: Out,
    request: Pick<FakeRequest<In, Out>, 'session' | 'signal'>,
  ) => In | undefined | PromiseLike<In | undefined>
  /** Whether a client may subscribe to a topic; anything but `true` or an object refuses. @defaultValue every topic is allowed */
  readonly onSubscribe?: (
    topic: string,
    params: unknown,
    session: FakeSession<In, Out>,
  ) => boolean | AllowedSubscription | PromiseLike<boolean | AllowedSubscription>
  /** Whether a client may publish; anything but `true` or an object refuses. @defaultValue everything is published unchanged */
  readonly onPublish?: (
    topic: string,
    data: Out,
    session: FakeSession<In, Out>,
  ) => boolean | AllowedPublication<In> | PromiseLike<boolean | AllowedPublication<In>>
}

/** The server as the calls of a session use it. */
export interface CallsServer<In, Out> {
  readonly handlers: CallHandlers<In, Out>
  encode(data: In): Payload
  decode(payload: Payload): Out
  /** Hands a request over to the test. */
  requested(request: FakeRequest<In, Out>): void
  /** Publishes to a topic; returns the offset. */
  publish(topic: string, message: Payload): number
  /** Runs a function once, after a delay, unless the server is closed before. */
  after(delayMs: number, run: () => void): () => void
  /** The time in milliseconds since 1970. */
  wallTime(): number
  /** Reports that a function of the test has thrown. */
  failed(what: string, error: unknown): void
}
