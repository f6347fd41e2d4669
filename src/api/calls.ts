import type { RequestError } from '../wire/request-error.ts'

/** The options of `client.request()` and `topic.publish()`. */
export interface RequestOptions {
  /** How long to wait for the reply, in milliseconds; then it rejects with the code `'timeout'`. @defaultValue Infinity */
  readonly timeoutMs?: number
  /** Aborts the request: the promise rejects with the signal's reason, and the server's `message.signal` is aborted. */
  readonly signal?: AbortSignal
}

/** A request from the server: the argument of `client.onrequest`. */
export interface ServerRequest<In> {
  /** The text or the bytes; with a `codec`, the decoded value. */
  readonly data: In
  /** Aborted when the server no longer waits for the reply. */
  readonly signal: AbortSignal
}

/** A message for which the server's `onMessage` threw an error. */
export interface RefusedMessage<Out> {
  /** The value that was passed to `send()`; of a message restored after a reload, its encoded form. */
  readonly data: Out
  /** The thrown `RequestError`, or one with the code `'internal'` in place of any other error. */
  readonly error: RequestError
}

/** The result of `client.flushed()`. */
export interface Flushed<Out> {
  /** In a session: the messages for which `onMessage` threw since the last `flushed()` settled, at most the last 100. */
  readonly refused: readonly RefusedMessage<Out>[]
}

/** Where a subscription begins: after an offset, with all messages that the topic holds, or with its last few messages. */
export type Since = number | 'start' | { readonly last: number }

/** The options of `client.subscribe()`. */
export interface TopicOptions {
  /** Also replays earlier messages, before the new ones and in order. @defaultValue only what is published from now on */
  readonly since?: Since | undefined
  /**
   * Parameters for the server's `onSubscribe`: JSON, or a function (it may be async) that is called for each subscribe request:
   * the first one, the one after a lost session, and the one when the server's permission has expired. If it throws, or does not
   * settle within 10 s, it is called again after a pause.
   */
  readonly params?: unknown
}

/** The members of each event of a topic, by event type. */
export interface TopicEventDetails<T> {
  message: {
    readonly data: T
    readonly offset: number
    /** Unique among the messages of the topic, unlike `offset`, which starts again if the server loses the topic: a key for lists. */
    readonly id: string
    /** Messages before this one were missed, as the `gap` event before it has reported. */
    readonly afterGap?: true
  }
  /** Messages were missed that the server can no longer replay; like the client's `gap` event. */
  gap: { readonly after: number | null; readonly resumesAt: number }
  /** The server has accepted the subscription, for the first time or again. */
  subscribed: object
  /**
   * The server refused the subscription, and this `Topic` has ended; or `params()` has failed, which will be called again: then
   * `state` is `'subscribing'`.
   */
  error: { readonly error: RequestError }
  state: { readonly state: TopicState }
}

/** The state of a `Topic`; `'refused'` and `'ended'` are final. */
export type TopicState = 'subscribing' | 'subscribed' | 'refused' | 'ended'

export type TopicEvent<Type extends keyof TopicEventDetails<T>, T> = {
  readonly type: Type
  readonly topic: string
} & TopicEventDetails<T>[Type]

export type TopicMessage<T> = TopicEvent<'message', T>

/** A session that is subscribed to a topic, as the other subscribers see it. */
export interface TopicMember<Info = unknown> {
  /** Identifies this stay: a session that leaves and joins again gets a new id. */
  readonly id: string
  /** The value that the server's option `presence` returned for the session. */
  readonly info: Info
}

/** The sessions that are subscribed to a topic. The first use asks the server; updates end when the topic ends. */
export interface TopicPresence<Info = unknown> {
  /** The known members: a new array at each change, the same array in between. */
  readonly members: readonly TopicMember<Info>[]
  /** Whether the server has sent the list of members. */
  readonly isKnown: boolean
  /** Why the server refused to send the list; `null` if it did not. */
  readonly error: RequestError | null
  /** Adds a listener for changes of these members; returns a function that removes it. */
  on(type: 'change', listener: () => void): () => void
}

/** One use of a topic by the page. All uses of a topic share one subscription of the session. */
export interface Topic<T = unknown, Out = unknown> extends AsyncIterable<TopicMessage<T>> {
  readonly name: string
  readonly state: TopicState
  /** Why the server refused the subscription, or why `params()` has failed since the last one; `null` if neither happened. */
  readonly error: RequestError | null
  readonly presence: TopicPresence
  /** Adds a listener; returns a function that removes it. */
  on<Type extends keyof TopicEventDetails<T>>(type: Type, listener: (event: TopicEvent<Type, T>) => void): () => void
  /** Publishes once, also across reconnects; resolves with the offset. @throws RequestError if `onPublish` refuses it */
  publish(data: Out, options?: RequestOptions): Promise<number>
  /** Ends this use; the last one ends the subscription. */
  unsubscribe(): void
}

/** The requests and subscriptions that a session adds to its client. */
export interface Calls<In, Out> {
  request(data: Out, options?: RequestOptions): Promise<unknown>
  subscribe(topic: string, options?: TopicOptions): Topic<In, Out>
}
