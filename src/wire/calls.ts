import { invalidCode, isRequestErrorCode, RequestError, type RequestErrorCode } from './request-error.ts'

/** The value in a call: text, text as base64 of its UTF-8 where that is shorter than JSON, bytes as base64, or none. */
export interface CallValue {
  readonly data?: string
  readonly utf8?: string
  readonly base64?: string
}

/** Whether a text is sent as `utf8`. @param growth by how many characters JSON is longer: a control character takes six */
export function isLongAsJson(text: string, growth: number): boolean {
  return growth > text.length / 3 + 99
}

export function hasValue({ data, utf8, base64 }: CallValue): boolean {
  return (data ?? utf8 ?? base64) !== undefined
}

/** Why a call has no reply. */
export interface CallFault {
  readonly code: RequestErrorCode
  readonly message: string
}

/** The place up to which a client has read a topic. */
export interface TopicPlace {
  readonly epoch: string
  readonly offset: number
}

/** The place up to which a client has read a topic, and the newest stream of the topic that it knows, if any. */
export interface ReadPlace extends TopicPlace {
  readonly stream?: number | undefined
  /** The epoch of stream 0: the streams' numbers begin anew with each life of a session. */
  readonly life?: string | undefined
}

/** Where a subscription begins: after an offset, with all messages that the topic holds, or with its last few messages. */
export type TopicSince = number | 'start' | { readonly last: number }

/** A numbered call of a client to the server, as the JSON of a `C` frame (docs/PROTOCOL.md, rule 21). */
export type ClientCall =
  | ({ readonly type: 'request' } & CallValue)
  | {
      readonly type: 'subscribe'
      readonly topic: string
      readonly since?: TopicSince | undefined
      /** The messages after this place must be delivered, and all of a newer stream than the one that the client knows. */
      readonly after?: ReadPlace | undefined
      readonly params?: unknown
    }
  | { readonly type: 'unsubscribe' | 'members'; readonly topic: string }
  | ({ readonly type: 'publish'; readonly topic: string } & CallValue)
  /** The client no longer waits for the reply to its request of that number. */
  | { readonly type: 'abort'; readonly of: number }
  /** The answer to a request of the server. */
  | ({ readonly type: 'reply'; readonly to: string } & CallValue)
  | ({ readonly type: 'error'; readonly to: string } & CallFault)

/** An answer or a call of the server, as the JSON of a `C` frame of stream 0. */
export type ServerCall =
  /** `value` is the protocol's reply, if the call was not one of the application's. */
  | ({ readonly type: 'reply'; readonly to: number; readonly value?: unknown } & CallValue)
  | ({ readonly type: 'error'; readonly to: number } & CallFault)
  | ({ readonly type: 'request'; readonly id: string } & CallValue)
  | { readonly type: 'abort'; readonly id: string }

/** The reply to a `subscribe`, which is sent before the first message of the topic. */
export interface Subscribed {
  readonly epoch: string
  /** The offset after which the client now reads the topic. */
  readonly from: number
  /** The offset after which `since` begins, which may be later. */
  readonly at: number
  /** The last offset of the topic at that time. */
  readonly tail: number
}

/**
 * Returns the fault that the other side receives when a handler throws: only a `RequestError` reveals its text. The fault is
 * valid whatever was thrown: a subclass may replace the members that the constructor has checked, and a class field named
 * `code` sets it to `undefined` after `super()`.
 * @param report receives what the other side does not: any other error, and invalid members of a `RequestError`
 */
export function faultOf(error: unknown, report?: (error: unknown) => void): CallFault {
  const refusal = error instanceof RequestError ? error : null
  const { code, message }: { readonly code?: unknown; readonly message?: unknown } = refusal ?? {}
  const isValid = isRequestErrorCode(code)
  const isText = typeof message === 'string'
  if (!isValid || !isText) report?.(refusal && !isValid ? invalidCode(code, refusal) : error)
  return { code: isValid ? code : 'internal', message: isText ? message.slice(0, 1000) : '' }
}

export function isTopicName(name: unknown): name is string {
  return typeof name === 'string' && name.length > 0 && name.length <= 1024
}

/** The prefix of the topic on which the joins and leaves of another topic are published. */
export const presencePrefix = 'presence:'

export function presenceTopicOf(topic: string): string {
  return presencePrefix + topic
}

/** The prefixes of the topics to which only the server publishes: joins and leaves of members, and messages between nodes. */
const ownTopics = [presencePrefix, 'node ', 'answers ']

export function isOwnTopic(topic: string): boolean {
  return ownTopics.some((beginning) => topic.startsWith(beginning))
}

export function isSince(since: unknown): since is TopicSince | undefined {
  if (since === undefined || since === 'start') return true
  const place = typeof since === 'object' && since !== null && 'last' in since ? since.last : since
  return Number.isSafeInteger(place) && Number(place) >= 0
}

/**
 * Returns the size of a call for the message limits, in bytes: that of its data, as for a message, or of its JSON if it has none.
 * @param bytesOf measures a text
 */
export function callBytes(call: ClientCall, json: string, bytesOf: (text: string) => number): number {
  const { data = json, base64, utf8 = base64 } = call as CallValue
  return utf8 === undefined ? bytesOf(data) : (utf8.length * 3) / 4 - (/=*$/.exec(utf8.slice(-2))?.[0].length ?? 0)
}

/** Whether a platform timer supports this timeout; `Infinity` is none. */
export function isTimeoutMs(timeoutMs: unknown): timeoutMs is number {
  return typeof timeoutMs === 'number' && timeoutMs > 0 && (timeoutMs < 2 ** 31 || timeoutMs === Infinity)
}
