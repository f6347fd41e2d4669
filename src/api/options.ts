import type { RetryContext } from '../connection/machine/backoff.ts'
import type { Diagnosis, OwnCauses } from '../diagnosis/diagnose.ts'
import type { Verdict } from '../diagnosis/verdicts.ts'
import type { Diagnostics } from './diagnostics.ts'
import type { Host } from './host.ts'
import type { Payload, Protocol } from './protocol.ts'
import type { FetchCredentials, Transport } from './transport.ts'

/** The names of the built-in transports. */
export type TransportName = 'websocket' | 'sse' | 'long-poll' | 'poll'

interface Place {
  /** The URL of this transport, if it is not the client's; a relative URL resolves against the client's. */
  readonly url?: string
}

interface HttpPlace extends Place {
  /** The URL to which `send()` POSTs. @defaultValue the transport's own URL */
  readonly sendUrl?: string
  /**
   * The format in which the server accepts several messages: with `'ndjson'` the queued texts leave in one POST of `application/x-ndjson`,
   * one per line, and share its outcome. Bytes and texts with a line break still get a POST of their own. @defaultValue a POST for each message
   */
  readonly sendBatch?: 'ndjson'
}

/** A built-in transport with settings of its own. */
export type TransportSettings =
  | (Place & {
      readonly type: 'websocket'
      /** Subprotocols to offer. @defaultValue none */
      readonly subprotocols?: readonly string[]
    })
  | (HttpPlace & { readonly type: 'sse' })
  | (HttpPlace & {
      readonly type: 'long-poll'
      /** How long one request may be held, in milliseconds; where the server ends it with 408, keep it below the server's limit. @defaultValue 20,000 */
      readonly timeoutMs?: number
    })
  | (HttpPlace & {
      readonly type: 'poll'
      /** The pause between two requests, in milliseconds; up to a fifth is added at random, and it is six times as long in a hidden tab. @defaultValue 5,000 */
      readonly intervalMs?: number
    })

/** The settings of a built-in transport without its name. */
export type TransportOptions<Name extends TransportName> = Omit<Extract<TransportSettings, { type: Name }>, 'type'>

/** What the built-in transports know of their client. */
export interface TransportContext {
  readonly connectTimeoutMs: number
  /** Whether no transport that asks again and again is among those of the client. */
  readonly isPatient: boolean
}

/** A built-in transport with its settings: what `webSocket()`, `sse()`, `longPoll()` and `poll()` return. */
export interface BuiltInTransport {
  readonly settings: TransportSettings
  /** @throws TypeError for settings that are not what they may be; `name` is that of the option */
  create(settings: TransportSettings, name: string, context: TransportContext): Transport
}

/** The argument of `prepare()`. */
export interface PrepareAttempt {
  /** 0 for the first connect, n for the n-th retry of an outage. */
  readonly attempt: number
  /** The transport's `type`. */
  readonly transport: string
  /**
   * Whether `prepare()` should fetch fresh credentials: the server has refused the last ones (the client asks once, then it stops), or
   * those of a session's open connection are about to expire.
   */
  readonly isRefresh: boolean
  /** Aborted when the attempt is given up. */
  readonly signal: AbortSignal
}

/** What `prepare()` returns; all of it for this attempt only. */
export interface Preparation {
  /** The URL to connect to, instead of the configured one. */
  readonly url?: string
  /** Added to the URL's query. */
  readonly query?: Readonly<Record<string, string>>
  /** Request headers. A browser cannot send any with a WebSocket. */
  readonly headers?: Readonly<Record<string, string>>
  /** WebSocket subprotocols to offer. */
  readonly subprotocols?: readonly string[]
  /** In a session: the credentials passed to the server's `authenticate`, over every transport and never in a URL; plain JSON. */
  readonly auth?: unknown
  /** The first message on the new connection, sent before any queued one; many servers authenticate a WebSocket this way. */
  readonly greeting?: Payload
}

/** The backoff between attempts: exponential, with full jitter. */
export interface RetrySchedule {
  /** The first wait is drawn from [0, this), in milliseconds. @defaultValue 1,000 */
  readonly minDelayMs?: number
  /** No wait is longer, in milliseconds; in the first minute of an outage none is longer than 5,000. @defaultValue 30,000 */
  readonly maxDelayMs?: number
  /** The factor by which the window grows after each failure. @defaultValue 2 */
  readonly factor?: number
  /** Retries in one outage before the client gives up. @defaultValue Infinity */
  readonly maxAttempts?: number
}

/** How plain mode detects a dead connection. Where the server sends nothing on its own, only a heartbeat message can detect one. */
export interface Heartbeat {
  /** The message to send (WebSocket only) after `intervalMs` of silence. Without it the client judges by silence alone. */
  readonly message?: Payload
  /** The server's reply to it; the client takes such messages as a sign of life and does not emit them. */
  readonly reply?: string
  /** How long the connection may be silent before the client checks it, in milliseconds. @defaultValue 25,000 */
  readonly intervalMs?: number
  /** How long after that the connection counts as dead if it stays silent, in milliseconds. @defaultValue 10,000 */
  readonly timeoutMs?: number
}

/** The limits of the outbox, the queue of messages that wait to be sent. */
export interface OutboxLimits {
  /** @defaultValue 100,000 messages */
  readonly maxMessages?: number
  /** @defaultValue 16,777,216 bytes (16 MiB) */
  readonly maxBytes?: number
  /**
   * What happens when the outbox is full: `send()` throws a `RangeError`, or the oldest or the newest message is dropped and reported by
   * `error` as `undelivered`. @defaultValue 'reject'
   */
  readonly overflow?: 'reject' | 'drop-oldest' | 'drop-newest'
  /** How long a message may wait, in milliseconds; one that has waited longer is reported as `undelivered`. @defaultValue Infinity */
  readonly ttlMs?: number
}

/** What `session()` of `steadfast/session` returns. */
export interface SessionProtocol {
  readonly name: 'session'
}

/** What `shared()` of `steadfast/shared` returns. */
export interface SharedConnection {
  readonly name: 'shared'
}

/** What `sockjs()` of `steadfast/sockjs` returns. */
export interface SockjsProtocol {
  readonly name: 'sockjs'
}

/** What can be sent without a codec. */
export type Sendable = string | ArrayBuffer | ArrayBufferView | Blob

/** Converts the application's values to payloads and back. */
export interface Codec<In, Out> {
  encode(value: Out): Sendable
  decode(payload: Payload): In
}

export interface RealtimeOptions<In = Payload, Out = Sendable> {
  /** The fallback order, best first. @defaultValue ['websocket', 'sse', 'long-poll', 'poll'] */
  readonly transports?: readonly (TransportName | TransportSettings | BuiltInTransport | Transport)[]
  /**
   * What the server speaks: `session()` of `steadfast/session`, with `steadfast/server` behind it, `sockjs()` of `steadfast/sockjs` for a
   * SockJS server, or a dialect of plain mode.
   * @defaultValue 'plain': any server
   */
  readonly protocol?: 'plain' | SessionProtocol | SockjsProtocol | Protocol
  /** `shared()` of `steadfast/shared`: one connection for all tabs of the browser, in a session. @defaultValue a connection of this client's own */
  readonly connection?: SharedConnection
  /**
   * Called before every attempt on every transport, one call at a time, to supply what must be fresh, such as a token. An attempt fails
   * when it throws or has not settled within `connectTimeoutMs`; throwing a `StopConnecting` ends the client.
   */
  readonly prepare?: (attempt: PrepareAttempt) => Preparation | undefined | Promise<Preparation | undefined>
  /** For every fetch; a WebSocket always sends the cookies of its origin. In a session the default is 'include'. @defaultValue 'same-origin' */
  readonly credentials?: FetchCredentials
  /** When to try again: a schedule, a function that returns milliseconds or `null` to give up, or `false` for never. */
  readonly retry?: RetrySchedule | ((context: RetryContext) => number | null) | false
  /** Overrides the client's verdict on a failure, in either direction; `undefined` keeps it. */
  readonly judge?: (diagnosis: Diagnosis) => Verdict | undefined
  /**
   * Custom causes, by close code or HTTP status: `{ 4402: { message: 'The plan has ended.', verdict: 'stop' } }`; or replacements for
   * parts of the built-in ones, by the cause's name: `remedies` of `steadfast/remedies` goes here.
   */
  readonly causes?: OwnCauses
  /** Whether a failed connection is followed up by a few HTTP requests to the same URL and to the page's own origin. @defaultValue true */
  readonly probe?: boolean
  /** The module that explains failures; the client of `steadfast/core` has none unless it is passed here. @defaultValue that of `steadfast/diagnosis` */
  readonly diagnosis?: Diagnostics
  readonly heartbeat?: Heartbeat
  /**
   * Prints one line for each event, with transport, attempt, cause and next retry, and nothing that may be secret: `true` prints to the
   * console, a function receives each line. @defaultValue false
   */
  readonly debug?: boolean | ((line: string) => void)
  readonly outbox?: OutboxLimits
  /** Whether the client connects without a call to `connect()`. @defaultValue true in a page or a worker, false in server-side rendering */
  readonly autoConnect?: boolean
  /** How long one attempt may take, in milliseconds. @defaultValue 10,000 */
  readonly connectTimeoutMs?: number
  /** How long the best transport may take before the next one is dialled beside it, in milliseconds. @defaultValue from the round trip: 5 × it + 100, within 200 to 3,000; 500 while it is unknown */
  readonly raceAfterMs?: number
  /** How long a connection must live to be proven, in milliseconds, unless a message proves it earlier. @defaultValue 5,000 */
  readonly provingMs?: number
  /** Closes the client when aborted. */
  readonly signal?: AbortSignal
  /** Turns values into payloads and back. @defaultValue none: strings and bytes */
  readonly codec?: Codec<In, Out>
  /** Replaces parts of the platform: `{ WebSocket }` where there is none, a clock in tests. */
  readonly host?: Partial<Host>
}

/** The options of the client of `steadfast/core`, which has no default transports. */
export type CoreOptions<In = Payload, Out = Sendable> = Omit<RealtimeOptions<In, Out>, 'transports'> & {
  /** The fallback order, best first: of `webSocket()`, `sse()`, `longPoll()`, `poll()` and transports of your own. */
  readonly transports: readonly (BuiltInTransport | Transport)[]
}
