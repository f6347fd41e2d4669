import type { Report } from './evidence.ts'
import type { Host } from './host.ts'
import type { Dialect, Moved, Payload, Received } from './protocol.ts'

/** What is written to a link: a payload, or a `Blob` on its way to be one. */
export type Writable = Payload | Blob

/** What `fetch` takes as `credentials`; the type of that name is of the DOM alone, which Node's types have not. */
export type FetchCredentials = 'omit' | 'same-origin' | 'include'

/** One dial, as a transport gets it. */
export interface Call {
  /** Where to, with what `prepare()` and the options gave; http or https. */
  readonly url: URL
  /** Where to POST what is sent, for transports that cannot send by themselves. */
  readonly sendUrl: URL
  /** In what a request may bring several messages. */
  readonly sendBatch?: 'ndjson' | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly subprotocols: readonly string[]
  /** The attempt's number, which grows from dial to dial. */
  readonly id: number
  /** A random name for it, for servers that keep a ledger of attempts. */
  readonly attempt: string
  /** What `prepare()` returned to be told to the server in a session's hello. */
  readonly auth?: unknown
  readonly credentials: FetchCredentials
  readonly protocol: Dialect
  /** Where to go on; asked anew before every request, since it moves. */
  cursor(): string | null
  readonly host: Host
  /** The only way to hang up. Once it is aborted nothing of this dial may live on or call back. */
  readonly signal: AbortSignal
}

/** The callbacks of a dial. A transport calls none of them after `failed`, nor after the signal was aborted. */
export interface Listener {
  /**
   * The server has taken the connection: messages can pass. Called once, with the round trip in milliseconds if that tells it;
   * again where one of a session's later answers tells that the server has lost the session.
   */
  opened(roundTripMs?: number): void
  /** Something came from the server: a sign of life. `isBeat`: nothing else, as it comes from time to time where nothing is said. */
  heard(isBeat?: boolean): void
  /** A message came, or what moves the cursor without one. */
  received(message: Received | Moved): void
  /** The server moved the cursor without a message. */
  moved(cursor: string): void
  /** In a session: the server asks for fresh credentials, which are to be handed to `Link.authenticate`. */
  readonly challenged?: (() => void) | undefined
  /** The attempt failed, or the open connection was lost. Called at most once. */
  failed(report: Report): void
}

/** The outcome of a write. `sent`: it left the page. `refused`: the server rejected it. `unconfirmed`: the client cannot know. */
export type Delivery = { readonly outcome: 'sent' } | { readonly outcome: 'refused' | 'unconfirmed'; readonly report: Report }

/** The live handle of a dial. */
export interface Link {
  /** Writes by requests of their own, and so learns what became of each (`write` returns a promise). */
  readonly isPosting?: boolean
  /**
   * Hands one message to the network, at once. A transport that learns what became of it returns a promise, and is given the
   * next one when that is settled; one that does not (WebSocket) returns nothing. `isLast`: the page may be going away.
   */
  write(data: Writable, signal: AbortSignal, isLast?: boolean): Promise<Delivery> | undefined
  /** Hands several texts without line breaks to the network in one request, where the server takes that. */
  writeLines?(lines: readonly string[], signal: AbortSignal, isLast?: boolean): Promise<Delivery>
  /** In a session: the highest number that the server had taken when this attachment opened. */
  taken?(): number
  /** In a session: each of its requests tells the server the cursor anyway. */
  readonly tellsCursor?: boolean
  /** In a session: the client has chosen this attachment to carry it; of two, that with the higher turn is the later. */
  choose?(turn: number): void
  /** In a session: tells the server fresh credentials, as soon as it can. */
  authenticate?(auth: unknown): void
  /** Bytes written that have not left the page yet. */
  bufferedBytes(): number
  /** Asks the server for news at once, where asking is how this transport works (long-poll, poll). */
  pollNow?(): void
  /** Ends the connection in order, after what was written. The abort of the signal follows at once or within 5 s. */
  close(code: number | undefined, reason: string): void
}

/**
 * A way to carry a connection. It dials once and reports; it never retries, judges, or knows of other transports.
 *
 * - `dial` returns at once and never throws; what goes wrong is reported by `failed`, asynchronously.
 * - It owns its sockets, requests, timers (`call.host.after`) and listeners until `call.signal` is aborted, and not longer.
 */
export interface Transport {
  /** Its name, in events and in reports. */
  readonly type: string
  /** Holds a request open, so it takes one of the few connections that a browser allows to an HTTP/1.1 origin. */
  readonly isHeld?: boolean
  /** Opening proves little, because a proxy may hold the body back: only something heard proves it (event stream, long-poll). */
  readonly isProvenByHearing?: boolean
  /** Asks again and again, so that a wake-up is answered by asking at once and silence is nothing unusual (`pollNow`). */
  readonly isPolling?: boolean
  /** Heartbeats can be written on it at no cost (WebSocket). */
  readonly canPing?: boolean
  dial(call: Call, listener: Listener): Link
}
