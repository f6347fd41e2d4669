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
  /** The URL to which the client POSTs sent messages. @defaultValue the transport's own URL */
  readonly sendUrl?: string
  /**
   * How the server accepts several messages per POST: with `'ndjson'` queued texts are lines of one `application/x-ndjson` body
   * and share its outcome; bytes and texts with line breaks get a POST of their own. Not with a protocol that writes the body of
   * each message (`body`). @defaultValue a POST for each message
   */
  readonly sendBatch?: 'ndjson'
}

/** A built-in transport with its own settings. */
export type TransportSettings =
  | (Place & {
      readonly type: 'websocket'
      /** Subprotocols to offer. @defaultValue none */
      readonly subprotocols?: readonly string[]
    })
  | (HttpPlace & { readonly type: 'sse' })
  | (HttpPlace & {
      readonly type: 'long-poll'
      /** How long a request may be held, in milliseconds; keep it below the server's limit for a 408. @defaultValue 20,000 */
      readonly timeoutMs?: number
    })
  | (HttpPlace & {
      readonly type: 'poll'
      /** The pause between polls, in ms, plus up to a fifth at random; six times as long in a hidden tab. @defaultValue 5,000 */
      readonly intervalMs?: number
    })

/** The settings of a built-in transport without its name. */
export type TransportOptions<Name extends TransportName> = Omit<Extract<TransportSettings, { type: Name }>, 'type'>

/** What the built-in transports know about their client. */
export interface TransportContext {
  readonly connectTimeoutMs: number
  /** Whether the client has no polling transport (long-poll, poll). */
  readonly isPatient: boolean
}

/** A built-in transport with its settings: what `webSocket()`, `sse()`, `longPoll()` and `poll()` return. */
export interface BuiltInTransport {
  readonly settings: TransportSettings
  /** Creates the transport. @throws TypeError for invalid settings; `name` is the option's name, for the message */
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
  /** Aborted when the client gives up the attempt. */
  readonly signal: AbortSignal
}

/** The result of `prepare()`; it applies to this attempt only. */
export interface Preparation {
  /** The URL to connect to, instead of the configured one. */
  readonly url?: string
  /** Parameters that are added to the URL's query. */
  readonly query?: Readonly<Record<string, string>>
  /** Request headers. Browsers cannot send them with a WebSocket handshake. */
  readonly headers?: Readonly<Record<string, string>>
  /** WebSocket subprotocols to offer. */
  readonly subprotocols?: readonly string[]
  /** In a session: the credentials passed to the server's `authenticate`, over every transport and never in a URL; plain JSON. */
  readonly auth?: unknown
  /** The first message on the new connection, sent before all queued messages; many servers authenticate a WebSocket this way. */
  readonly greeting?: Payload
}

/** The backoff between retries: exponential, with jitter. */
export interface RetrySchedule {
  /** The first delay is random in [0, this), in milliseconds. @defaultValue 1,000 */
  readonly minDelayMs?: number
  /** The longest delay, in milliseconds; in the first minute of an outage it is at most 5,000. @defaultValue 30,000 */
  readonly maxDelayMs?: number
  /** The factor by which the delay's upper limit grows after each failure. @defaultValue 2 */
  readonly factor?: number
  /** The number of retries in one outage after which the client gives up. @defaultValue Infinity */
  readonly maxAttempts?: number
}

/** How plain mode detects a dead connection. If the server may send nothing for long, only a heartbeat message can detect one. */
export interface Heartbeat {
  /** The message to send (WebSocket only) after `intervalMs` of silence. Without it the client judges by silence alone. */
  readonly message?: Payload
  /** The server's reply to `message`; the client takes it as a sign of life and does not emit it. */
  readonly reply?: string
  /** How long the connection may be silent before the client checks it, in milliseconds. @defaultValue 25,000 */
  readonly intervalMs?: number
  /** How much longer it may stay silent before the client treats it as dead, in milliseconds. @defaultValue 10,000 */
  readonly timeoutMs?: number
}

/** The limits of the outbox, the queue of messages that wait to be sent. */
export interface OutboxLimits {
  /** The most messages in the outbox. @defaultValue 100,000 messages */
  readonly maxMessages?: number
  /** The most bytes in the outbox. @defaultValue 16,777,216 bytes (16 MiB) */
  readonly maxBytes?: number
  /**
   * What happens when the outbox is full: `send()` throws a `RangeError`, or the client drops the oldest or the newest message
   * and reports it by an `error` event as `undelivered`. @defaultValue 'reject'
   */
  readonly overflow?: 'reject' | 'drop-oldest' | 'drop-newest'
  /** How long a message may wait, in milliseconds; then it is reported as `undelivered`. @defaultValue Infinity */
  readonly ttlMs?: number
}

/** The result of `session()` of `steadfast/session`. */
export interface SessionProtocol {
  readonly name: 'session'
}

/** The result of `shared()` of `steadfast/shared`. */
export interface SharedConnection {
  readonly name: 'shared'
}

/** The result of `sockjs()` of `steadfast/sockjs`. */
export interface SockjsProtocol {
  readonly name: 'sockjs'
}

/** The types that can be sent without a codec. */
export type Sendable = string | ArrayBuffer | ArrayBufferView | Blob

/** Converts the application's values to payloads and back. */
export interface Codec<In, Out> {
  /** Encodes a value that is sent. `send()` throws whatever it throws. */
  encode(value: Out): Sendable
  /** Decodes a received message. If it throws, that message is lost, and an `error` event reports it. */
  decode(payload: Payload): In
}

export interface RealtimeOptions<In = Payload, Out = Sendable> {
  /** The fallback order, best first. @defaultValue ['websocket', 'sse', 'long-poll', 'poll'] */
  readonly transports?: readonly (TransportName | TransportSettings | BuiltInTransport | Transport)[]
  /**
   * The protocol of the server: `session()` of `steadfast/session` for a `steadfast/server`, `sockjs()` of `steadfast/sockjs` for
   * a SockJS server, or a `Protocol` of plain mode.
   * @defaultValue 'plain': any server
   */
  readonly protocol?: 'plain' | SessionProtocol | SockjsProtocol | Protocol
  /** `shared()` of `steadfast/shared`: one session for all tabs. @defaultValue a connection of this client's own */
  readonly connection?: SharedConnection
  /**
   * Called before every attempt on every transport, one call at a time, for values that must be fresh, such as a token. The
   * attempt fails if it throws or does not settle within `connectTimeoutMs`; if it throws a `StopConnecting`, the client closes.
   */
  readonly prepare?: (attempt: PrepareAttempt) => Preparation | undefined | Promise<Preparation | undefined>
  /** The `credentials` of each `fetch`, 'include' in a session; a WebSocket always sends cookies. @defaultValue 'same-origin' */
  readonly credentials?: FetchCredentials
  /** When to retry: a schedule, a function that returns the delay in milliseconds or `null` to give up, or `false` for never. */
  readonly retry?: RetrySchedule | ((context: RetryContext) => number | null) | false
  /** Overrides the client's verdict on a failure; `undefined` keeps it. */
  readonly judge?: (diagnosis: Diagnosis) => Verdict | undefined
  /**
   * Custom causes, by close code or HTTP status: `{ 4402: { message: 'The plan has ended.', verdict: 'stop' } }`; or replacements for
   * parts of the built-in ones, by the cause's name: `remedies` of `steadfast/remedies` goes here.
   */
  readonly causes?: OwnCauses
  /** Whether the client asks follow-up questions: a few HTTP requests to its URL and to the page's origin. @defaultValue true */
  readonly probe?: boolean
  /** Explains failures; the client of `steadfast/core` has none by default. @defaultValue that of `steadfast/diagnosis` */
  readonly diagnosis?: Diagnostics
  /** How plain mode detects a dead connection; a session has its own. Without it only sleep is noticed. */
  readonly heartbeat?: Heartbeat
  /**
   * Prints one line per event, with transport, attempt, cause and next retry, but no payload, URL or id: `true` prints to the
   * console, a function receives each line. @defaultValue false
   */
  readonly debug?: boolean | ((line: string) => void)
  /** The limits of the outbox, the queue of messages that wait to be sent. */
  readonly outbox?: OutboxLimits
  /** Whether the client connects automatically. @defaultValue true in a page or a worker, false in server-side rendering */
  readonly autoConnect?: boolean
  /** How long one attempt may take, in milliseconds. @defaultValue 10,000 */
  readonly connectTimeoutMs?: number
  /** How long a dial may take before the next transport is raced beside it, in milliseconds. @defaultValue from the round trip: 5 × it + 100, within 200 to 3,000; 500 while it is unknown */
  readonly raceAfterMs?: number
  /** How long a connection must live to be proven, in milliseconds, unless a message proves it earlier. @defaultValue 5,000 */
  readonly provingMs?: number
  /** Closes the client when it is aborted. */
  readonly signal?: AbortSignal
  /** Converts the application's values to payloads and back, such as `json()`. @defaultValue none: strings and bytes */
  readonly codec?: Codec<In, Out>
  /** Replaces parts of the platform: `{ WebSocket }` on a platform without one, a clock in tests. */
  readonly host?: Partial<Host>
}

/** The options of the client of `steadfast/core`, which has no default transports. */
export type CoreOptions<In = Payload, Out = Sendable> = Omit<RealtimeOptions<In, Out>, 'transports'> & {
  /** The fallback order, best first: `webSocket()`, `sse()`, `longPoll()`, `poll()` and transports of your own. */
  readonly transports: readonly (BuiltInTransport | Transport)[]
}
