import type { RequestError } from '../wire/request-error.ts'

/** Options of `client.request()` and `topic.publish()`. */
export interface RequestOptions {
  /** How long to wait for the reply, in milliseconds; then the promise rejects with `'timeout'`. @defaultValue Infinity */
  readonly timeoutMs?: number
  /** Aborts the request: the promise rejects with the signal's reason, and the server's `message.signal` is aborted. */
  readonly signal?: AbortSignal
}

/** A request of the server, as `client.onrequest` gets it. */
export interface ServerRequest<In> {
  readonly data: In
  /** Aborted when the server no longer waits for the reply. */
  readonly signal: AbortSignal
}

/** A message that a handler of the server has refused. */
export interface RefusedMessage<Out> {
  readonly data: Out
  readonly error: RequestError
}

/** What became of the messages that `flushed()` waited for. */
export interface Flushed<Out> {
  /** In a session: those for which `onMessage` has thrown, since `flushed()` was last settled; the last 100 of them. */
  readonly refused: readonly RefusedMessage<Out>[]
}

/** Where a subscription begins: behind an offset, with all that the topic holds, or with its last few messages. */
export type Since = number | 'start' | { readonly last: number }

/** Options of `client.subscribe()`. */
export interface TopicOptions {
  /** Also delivers what was published before, in one order with what follows. @defaultValue only what is published from now on */
  readonly since?: Since | undefined
  /**
   * What the server's `onSubscribe` gets beside the topic: JSON, or a function (it may be async) that is asked each time that the topic is
   * subscribed to: at first, after a lost session, and when the server's permission has expired.
   */
  readonly params?: unknown
}

/** What the events of a topic carry, by type. */
export interface TopicEventDetails<T> {
  message: { readonly data: T; readonly offset: number }
  /** Messages were missed that the server can no longer replay; as the client's `gap`. */
  gap: { readonly after: number | null; readonly resumesAt: number }
  /** The server has subscribed the session, for the first time or again. */
  subscribed: object
  /** The server has refused the topic; the handle has ended. */
  error: { readonly error: RequestError }
  state: { readonly state: TopicState }
}

export type TopicState = 'subscribing' | 'subscribed' | 'refused' | 'ended'

export type TopicEvent<Type extends keyof TopicEventDetails<T>, T> = {
  readonly type: Type
  readonly topic: string
} & TopicEventDetails<T>[Type]

export type TopicMessage<T> = TopicEvent<'message', T>

/** A session that is subscribed to a topic, as others see it. */
export interface TopicMember<Info = unknown> {
  /** Of this stay: a session that leaves and joins again gets another one. */
  readonly id: string
  /** What the server's option `presence` returned for the session. */
  readonly info: Info
}

/** Who is subscribed to a topic. The first use asks the server; it ends with the topic. */
export interface TopicPresence<Info = unknown> {
  /** The members as far as they are known; another array at each change, and the same one between. */
  readonly members: readonly TopicMember<Info>[]
  /** Whether the server has said who they are. */
  readonly isKnown: boolean
  /** Why the server does not say it. */
  readonly error: RequestError | null
  /** Listens to changes of all of these; returns the way to stop. */
  on(type: 'change', listener: () => void): () => void
}

/** One use of a topic by a page. Several uses of a topic share one subscription of the session. */
export interface Topic<T = unknown, Out = unknown> extends AsyncIterable<TopicMessage<T>> {
  readonly name: string
  readonly state: TopicState
  /** Why the server has refused the topic. */
  readonly error: RequestError | null
  readonly presence: TopicPresence
  /** Listens, and returns the way to stop. */
  on<Type extends keyof TopicEventDetails<T>>(type: Type, listener: (event: TopicEvent<Type, T>) => void): () => void
  /** Publishes to the topic, once; resolves with the offset. @throws RequestError where `onPublish` refuses it */
  publish(data: Out, options?: RequestOptions): Promise<number>
  /** Ends this use; the last one ends the subscription. */
  unsubscribe(): void
}

/** What a session adds to its client. */
export interface Calls<In, Out> {
  request(data: Out, options?: RequestOptions): Promise<unknown>
  subscribe(topic: string, options?: TopicOptions): Topic<In, Out>
}
