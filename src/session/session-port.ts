import type { CloseFrame, OpenFrame } from '../wire/steadfast-v1.ts'

/** The events of a session for its sender. */
export interface SessionPort {
  /** Whether a request() or a flushed() is pending. */
  isAwaited(): boolean
  /** The server has acknowledged all messages up to n. */
  onAcked(n: number): void
  /** The server has lost the messages above n that it had taken: they have to be written again. */
  onRewind(n: number): void
  /** Something was read that is not acknowledged to the server yet. */
  onAckOwed(): void
  onGap(gap: Gap): void
  /** An answer or a call of the server, as unchecked JSON (rule 21). */
  onCall(json: unknown): void
  /** The server has ended a subscription. */
  onUnsubscribed(topic: string): void
}

/** Messages that were missed, and that the server can no longer replay. */
export interface Gap {
  /** `''` for messages to this client only. */
  readonly topic: string
  /** The last offset before the gap; `null` if the log began anew. */
  readonly after: number | null
  /** The first offset after the gap. */
  readonly resumesAt: number
}

/** A message as the session delivers it. */
export interface SessionMessage {
  readonly data: string | ArrayBuffer
  /** `<stream>.<offset>`. */
  readonly id: string
  /** `''` for messages to this client only. */
  readonly topic: string
}

/** The attachment on which a frame arrived. */
export interface FrameListener {
  opened(frame: OpenFrame): void
  received(message: SessionMessage): void
  pinged(): void
  /** The server asks for fresh credentials. */
  readonly challenged?: (() => void) | undefined
  closed(close: CloseFrame): void
  /** The frame belongs to a former life of the session: throws the failure that ends the attachment. */
  outdated(): never
}

/** The lowest unacknowledged number, the highest number, and the unacknowledged bytes in transit. */
export interface SentNumbers {
  readonly first: number
  readonly last: number
  readonly bytesUnderWay: number
}

/** Stores the session before the server learns anything that a stored copy must not contradict. */
export interface SessionJournal {
  /** Called when another page has the session's connection, or continues without this one: what is stored is out of date. */
  adopted(): void
  /** Called before a hello, a turn or a cursor is sent. */
  beforeSend(): void
  /** Called before messages up to this number are written. */
  beforeNumbers(last: number): void
}

/** Keeps the copies of a session in other pages equal to it: notified before each change. */
export interface SessionCopies {
  /** A frame of the server is about to be read; `place` as in `SessionState.readBytes`. */
  read(frame: string | ArrayBuffer, place: string): void
  /** A new session is about to begin. */
  leaving(): void
  /** A new session has begun, or a stored one continues, which shares nothing with the one before. */
  begun(): void
}

/** A session shared by several pages, one of which has its connection. */
export interface SessionSharing {
  copies: SessionCopies | null
  /** The cursor sent to the server: that of the copies, which may be behind this session; `null`: the session's own. */
  cursor: (() => string) | null
  /** Whether other pages continue the session, so that a client that connects again does not begin another. */
  isKept: boolean
}

/** An unacknowledged message of a former client. */
export interface KeptMessage {
  readonly n: number
  /** `null` if it was withdrawn or not kept. */
  readonly data: string | ArrayBuffer | null
  /** When the message expires, by the clock of its host; absent once it was written. */
  readonly expiresAt?: number
  /** Whether the data is the JSON of a call. */
  readonly isCall?: boolean
}
