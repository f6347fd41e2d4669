import { RequestError, type RequestErrorCode } from './request-error.ts'

/** A value within a call: text, text as the base64 of its UTF-8 where that is shorter than JSON, bytes as base64; or none of them. */
export interface CallValue {
  readonly data?: string
  readonly utf8?: string
  readonly base64?: string
}

/** Whether a text travels as `utf8`. @param growth by how many characters JSON is longer: a control character takes six */
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

/** A place in a topic that a client has reached. */
export interface TopicPlace {
  readonly epoch: string
  readonly offset: number
}

/** Where a subscription begins: behind an offset, with all that the topic holds, or with its last few messages. */
export type TopicSince = number | 'start' | { readonly last: number }

/** What a client asks of its server under a number, as the JSON of a `C` frame (docs/PROTOCOL.md, rule 21). */
export type ClientCall =
  | ({ readonly type: 'request' } & CallValue)
  | {
      readonly type: 'subscribe'
      readonly topic: string
      readonly since?: TopicSince | undefined
      /** What the client has of the topic: what follows must not be left out. */
      readonly after?: TopicPlace | undefined
      readonly params?: unknown
    }
  | { readonly type: 'unsubscribe' | 'members'; readonly topic: string }
  | ({ readonly type: 'publish'; readonly topic: string } & CallValue)
  /** The client no longer waits for the reply to its request of that number. */
  | { readonly type: 'abort'; readonly of: number }
  /** The answer to a request of the server. */
  | ({ readonly type: 'reply'; readonly to: string } & CallValue)
  | ({ readonly type: 'error'; readonly to: string } & CallFault)

/** What a server answers and asks, as the JSON of a `C` frame of stream 0. */
export type ServerCall =
  /** `value` is the protocol's own where the call was none of the application's. */
  | ({ readonly type: 'reply'; readonly to: number; readonly value?: unknown } & CallValue)
  | ({ readonly type: 'error'; readonly to: number } & CallFault)
  | ({ readonly type: 'request'; readonly id: string } & CallValue)
  | { readonly type: 'abort'; readonly id: string }

/** The reply to a `subscribe`, which comes before the first message of the topic. */
export interface Subscribed {
  readonly epoch: string
  /** The offset behind which the client reads the topic now. */
  readonly from: number
  /** The offset behind which `since` begins, which may be later. */
  readonly at: number
  /** The offset at which the topic ended then. */
  readonly tail: number
}

/** Why a handler that threw this has no reply, as the other side learns it: only what was thrown for it is told. */
export function faultOf(error: unknown): CallFault {
  return error instanceof RequestError
    ? { code: error.code, message: error.message.slice(0, 1000) }
    : { code: 'internal', message: '' }
}

export function isTopicName(name: unknown): name is string {
  return typeof name === 'string' && name.length > 0 && name.length <= 1024
}

/** How the name of the topic begins on which the joins and leaves of another one are published. */
export const presencePrefix = 'presence:'

export function presenceTopicOf(topic: string): string {
  return presencePrefix + topic
}

/** How the names of topics begin to which the server alone publishes: members that join and leave, and what nodes tell each other. */
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
 * What a call counts as where messages are limited, in bytes: its data, as if it were a message; its JSON where it has none.
 * @param bytesOf measures a text
 */
export function callBytes(call: ClientCall, json: string, bytesOf: (text: string) => number): number {
  const { data = json, base64, utf8 = base64 } = call as CallValue
  return utf8 === undefined ? bytesOf(data) : (utf8.length * 3) / 4 - (/=*$/.exec(utf8.slice(-2))?.[0].length ?? 0)
}

/** Whether a timer of the platform can wait so long; `Infinity` is for ever. */
export function isTimeoutMs(timeoutMs: unknown): timeoutMs is number {
  return typeof timeoutMs === 'number' && timeoutMs > 0 && (timeoutMs < 2 ** 31 || timeoutMs === Infinity)
}
