import type { Payload } from '../api/protocol.ts'
import type { TopicSince } from '../wire/calls.ts'
import type { FakeRequest } from './request.ts'
import type { FakeSession } from './session.ts'

/** What `onSubscribe` of a fake server allows, as that of `steadfast/server` does. */
export interface AllowedSubscription {
  /** The topic that the client reads in fact. @defaultValue the one that it has named */
  readonly topic?: string
  /** Where it begins. @defaultValue where the client has asked for */
  readonly since?: TopicSince
  /** Until when, in milliseconds since 1970. The client then asks again. @defaultValue until the session ends */
  readonly expiresAt?: number
}

/** What `onPublish` of a fake server allows. */
export interface AllowedPublication<In> {
  /** @defaultValue what the client has sent */
  readonly data?: In
  /** @defaultValue the topic that the client has named */
  readonly topic?: string
}

/** What plays the application on a fake server. A `RequestError` that it throws reaches the client. */
export interface CallHandlers<In, Out> {
  /** Answers the requests of clients: what it returns, or a promise of it, is the reply. @defaultValue they wait for `nextRequest()` */
  readonly onRequest?: (
    data: Out,
    request: Pick<FakeRequest<In, Out>, 'session' | 'signal'>,
  ) => In | undefined | PromiseLike<In | undefined>
  /** Whether a client may subscribe to a topic; anything but `true` and an object refuses it. @defaultValue every topic is allowed */
  readonly onSubscribe?: (
    topic: string,
    params: unknown,
    session: FakeSession<In, Out>,
  ) => boolean | AllowedSubscription | PromiseLike<boolean | AllowedSubscription>
  /** Whether a client may publish; anything but `true` and an object refuses it. @defaultValue all is published as it came */
  readonly onPublish?: (
    topic: string,
    data: Out,
    session: FakeSession<In, Out>,
  ) => boolean | AllowedPublication<In> | PromiseLike<boolean | AllowedPublication<In>>
}

/** What the calls of a session ask of their server. */
export interface CallsServer<In, Out> {
  readonly handlers: CallHandlers<In, Out>
  encode(data: In): Payload
  decode(payload: Payload): Out
  /** Hands a request over to the test. */
  requested(request: FakeRequest<In, Out>): void
  /** Publishes to a topic; returns the offset. */
  publish(topic: string, message: Payload): number
  /** Runs something once, later, unless the server is closed before. */
  after(delayMs: number, run: () => void): () => void
  /** In milliseconds since 1970. */
  wallTime(): number
  /** A function of the test has failed. */
  failed(what: string, error: unknown): void
}
