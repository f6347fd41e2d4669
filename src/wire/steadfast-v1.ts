/** The types and constants of steadfast.v1 that client and server share (docs/PROTOCOL.md). */
export const subprotocol = 'steadfast.v1'

/** The largest hello, in bytes: room for the `auth` of `prepare()` and a cursor of 256 topics. */
export const maxHelloBytes = 65_536

/** The first message of the client on every attachment. */
export interface Hello {
  readonly v: 1
  readonly session: string
  /** The number of the dial, which increases. */
  readonly k: number
  /** The lowest number of an unacknowledged client message. */
  readonly n: number
  /** The highest number ever written: messages from `n` to it may have been handled before. */
  readonly last?: number
  /** The highest number written in an earlier life of the session, while some of those are unacknowledged. */
  readonly before?: number
  /** The number of the client's decision that this attachment carries the session; a higher one is later. */
  readonly turn?: number
  readonly cursor?: string
  /** The stores that opened the session, the last one first, at most four: `s3,s1`. */
  readonly store?: string
  /** How long the response may be held, in milliseconds; absent: without limit. */
  readonly wait?: number
  /** The request only sends. */
  readonly send?: true
  readonly auth?: unknown
  /** The client is WebSocket-shaped (rule 19): the subprotocols that its application offers, best first, or none. */
  readonly protocols?: readonly string[]
}

/** The first frame of the server on every attachment. */
export interface OpenFrame {
  readonly k: number
  readonly epoch: string
  /** Names the server's store. */
  readonly store?: string
  readonly resumed: boolean
  readonly taken: number
  readonly ack: number
  /** The offset of the last answer to an acknowledged message (rule 21); absent if there was none. */
  readonly answeredAt?: number
  readonly heartbeatMs: number
  readonly maxMessageBytes: number
  readonly resumeWindowMs: number
  readonly retryWindowMs: number
  readonly lastEnd?: { readonly by: 'client' | 'server' | 'network'; readonly code: number; readonly reason: string }
  /** The subprotocol that the server selected from those of a WebSocket-shaped client. */
  readonly protocol?: string
}

/** The end of an attachment without a Close frame, and the members that a problem document has beside those of RFC 9457. */
export interface CloseFrame {
  readonly code: number
  readonly reason?: string
  readonly retryAfterMs?: number
  /** For a WebSocket-shaped client: the application's close code; then `reason` is the application's too (rule 19). */
  readonly application?: number
}

/** Messages of a stream at consecutive offsets: its number, the first offset, the texts. */
export type Run = readonly [stream: number, offset: number, ...texts: string[]]

/** The close codes of steadfast.v1 (rule 9). */
export const codes = {
  hungUp: 4000,
  protocolError: 4400,
  unauthenticated: 4401,
  forbidden: 4403,
  silent: 4408,
  moved: 4409,
  ended: 4410,
  tooLarge: 4413,
  tooMany: 4429,
  internal: 4500,
  restarting: 4503,
} as const

/** A place in a stream. */
export interface Place {
  readonly offset: number
  readonly epoch: string
}

/** Writes a cursor: `0.12~e1,3.1041~k7`. */
export function cursorText(places: Iterable<readonly [stream: number, place: Place]>): string {
  return Array.from(places, ([stream, { offset, epoch }]) => `${stream}.${offset}~${epoch}`).join()
}
