import type { Report } from './evidence.ts'
import type { Host } from './host.ts'
import type { Dialect, Moved, Payload, Received } from './protocol.ts'

/** A message as it is written to a link: a payload, or a `Blob` whose bytes have not been read yet. */
export type Writable = Payload | Blob

/** The option `credentials` of `fetch`, since the type `RequestCredentials` is only in the DOM's types and not in Node's. */
export type FetchCredentials = 'omit' | 'same-origin' | 'include'

/** One dial, as it is passed to a transport. */
export interface Call {
  /** The URL to dial, with what `prepare()` and the options added; http or https. */
  readonly url: URL
  /** The URL to which messages are POSTed, for transports that receive only. */
  readonly sendUrl: URL
  /** The format in which one POST may carry several messages. */
  readonly sendBatch?: 'ndjson' | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly subprotocols: readonly string[]
  /** The attempt's number, which increases with each dial. */
  readonly id: number
  /** A random name of the attempt, for servers that keep a ledger of attempts. */
  readonly attempt: string
  /** The credentials from `prepare()` that a session sends in its hello. */
  readonly auth?: unknown
  readonly credentials: FetchCredentials
  readonly protocol: Dialect
  /** Returns the cursor to resume from; read it before every request, since it moves. */
  cursor(): string | null
  readonly host: Host
  /** Aborting it is the only way to end the dial. After that the transport must release everything and call nothing back. */
  readonly signal: AbortSignal
}

/** The callbacks of a dial. A transport calls none of them after `failed` or after the signal was aborted. */
export interface Listener {
  /**
   * The server accepted the connection: messages can pass. Called once, with the round trip in milliseconds if it was measured;
   * called again if a later response of a session says that the server has lost the session.
   */
  opened(roundTripMs?: number): void
  /** Something was received: a sign of life. `isBeat`: it was a heartbeat of the server and nothing else. */
  heard(isBeat?: boolean): void
  /** A message was received, or a new cursor without a message. */
  received(message: Received | Moved): void
  /** The server moved the cursor without a message. */
  moved(cursor: string): void
  /** In a session: the server asks for fresh credentials, which the client passes to `Link.authenticate`. */
  readonly challenged?: (() => void) | undefined
  /** The attempt failed, or the open connection was lost. Called at most once. */
  failed(report: Report): void
}

/** The outcome of a write. `sent`: it left the page. `refused`: it did not, or the server rejected it. `unconfirmed`: unknown. */
export type Delivery = { readonly outcome: 'sent' } | { readonly outcome: 'refused' | 'unconfirmed'; readonly report: Report }

/** The handle of a dial. */
export interface Link {
  /** Writes each message (or batch) by a request, and so learns its outcome: `write` returns a promise. */
  readonly isPosting?: boolean
  /**
   * Writes one message at once. A transport that learns the outcome returns a promise, and gets the next message when that has
   * settled; one that does not (WebSocket) returns nothing. `isLast`: the page may be unloading.
   */
  write(data: Writable, signal: AbortSignal, isLast?: boolean): Promise<Delivery> | undefined
  /** Writes several texts without line breaks in one request, if the server accepts that. */
  writeLines?(lines: readonly string[], signal: AbortSignal, isLast?: boolean): Promise<Delivery>
  /** In a session: returns the highest message number that the server had taken when this attachment opened. */
  taken?(): number
  /** In a session: every request of this link carries the cursor anyway, so no separate acknowledgment is needed. */
  readonly tellsCursor?: boolean
  /** In a session: tells the server that this attachment now carries the session; a higher turn is the later decision. */
  choose?(turn: number): void
  /** In a session: sends fresh credentials to the server, as soon as it can. */
  authenticate?(auth: unknown): void
  /** Returns the number of bytes that were written and have not left the page yet. */
  bufferedBytes(): number
  /** Polls at once (long-poll, poll). */
  pollNow?(): void
  /** Closes the connection cleanly, after everything that was written. The signal is aborted at once or within 5 s. */
  close(code: number | undefined, reason: string): void
}

/**
 * A way to carry a connection. It dials once and reports; it never retries, decides, or knows of other transports.
 *
 * - `dial` returns at once and never throws; failures are reported asynchronously by `failed`.
 * - It owns its sockets, requests, timers (`call.host.after`) and listeners, and releases them when `call.signal` is aborted.
 */
export interface Transport {
  /** The name of the transport in events and reports. */
  readonly type: string
  /** The transport holds a request open, so it takes one of the six connections that browsers allow to an HTTP/1.1 origin. */
  readonly isHeld?: boolean
  /** Opening proves little, because a proxy may buffer the body: only received data proves it (event stream, long-poll). */
  readonly isProvenByHearing?: boolean
  /** The transport polls: when the device wakes up it polls at once (`pollNow`), and silence is normal. */
  readonly isPolling?: boolean
  /** The client can send heartbeats over it at no cost (WebSocket). */
  readonly canPing?: boolean
  dial(call: Call, listener: Listener): Link
}
