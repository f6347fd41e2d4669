/** steadfast.v1 as both halves know it (docs/PROTOCOL.md). */
export const subprotocol = 'steadfast.v1'

/** A hello, in bytes: room for what `prepare()` returns as `auth` beside a cursor of 256 topics. */
export const maxHelloBytes = 65_536

/** What every attachment begins with. */
export interface Hello {
  readonly v: 1
  readonly session: string
  /** Numbers the client's dials, upwards. */
  readonly k: number
  /** The lowest number of a client message that is not acknowledged yet. */
  readonly n: number
  /** The highest number ever written: what lies between may have been handled before. */
  readonly last?: number
  /** The highest number written in an earlier life of the session, while not all of that is acknowledged. */
  readonly before?: number
  /** The client's decision that this attachment carries it; of two, the higher is the later. */
  readonly turn?: number
  readonly cursor?: string
  /** The stores that opened the session, the last one first, at most four: `s3,s1`. */
  readonly store?: string
  /** How long the answer may be held, in milliseconds; absent: as long as it lasts. */
  readonly wait?: number
  /** The request only sends. */
  readonly send?: true
  readonly auth?: unknown
  /** The client is a WebSocket-shaped one (rule 19): the subprotocols that its application offers, best first, or none. */
  readonly protocols?: readonly string[]
}

/** The first frame of every attachment. */
export interface OpenFrame {
  readonly k: number
  readonly epoch: string
  /** Names the server's store. */
  readonly store?: string
  readonly resumed: boolean
  readonly taken: number
  readonly ack: number
  /** The offset of the last answer to what was acknowledged (rule 21); absent where there was none. */
  readonly answeredAt?: number
  readonly heartbeatMs: number
  readonly maxMessageBytes: number
  readonly resumeWindowMs: number
  readonly retryWindowMs: number
  readonly lastEnd?: { readonly by: 'client' | 'server' | 'network'; readonly code: number; readonly reason: string }
  /** Of those that a WebSocket-shaped client offered, the subprotocol that the server has chosen. */
  readonly protocol?: string
}

/** How an attachment is ended where there is no Close frame, and what a problem document says beside what RFC 9457 asks for. */
export interface CloseFrame {
  readonly code: number
  readonly reason?: string
  readonly retryAfterMs?: number
  /** To a WebSocket-shaped client: the close code of the server's application, whose reason it is then (rule 19). */
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

/** `0.12~e1,3.1041~k7`. */
export function cursorText(places: Iterable<readonly [stream: number, place: Place]>): string {
  return Array.from(places, ([stream, { offset, epoch }]) => `${stream}.${offset}~${epoch}`).join()
}
