import type { CloseFrame, OpenFrame } from '../wire/steadfast-v1.ts'

/** What a session tells whoever sends for it. */
export interface SessionPort {
  /** Whether somebody waits for what the server says of what was sent. */
  isAwaited(): boolean
  /** Everything up to n is settled at the server. */
  onAcked(n: number): void
  /** The server has lost what it took above n: it has to be written again. */
  onRewind(n: number): void
  /** Something was taken of which the server does not know yet. */
  onAckOwed(): void
  onGap(gap: Gap): void
  /** The server answers a call, or asks something: the JSON of whoever has sent it (rule 21). */
  onCall(json: unknown): void
  /** The server has ended a subscription. */
  onUnsubscribed(topic: string): void
}

/** Messages that were missed, and that the server can no longer replay. */
export interface Gap {
  /** `''` for messages to this client alone. */
  readonly topic: string
  /** The last offset before it; `null` where the log began anew. */
  readonly after: number | null
  /** The first offset behind it. */
  readonly resumesAt: number
}

/** A message as the session hands it over. */
export interface SessionMessage {
  readonly data: string | ArrayBuffer
  /** Stream and offset. */
  readonly id: string
  /** `''` for messages to this client alone. */
  readonly topic: string
}

/** The attachment on which a frame came. */
export interface FrameListener {
  opened(frame: OpenFrame): void
  received(message: SessionMessage): void
  pinged(): void
  /** The server asks for fresh credentials. */
  readonly challenged?: (() => void) | undefined
  closed(close: CloseFrame): void
  /** It belongs to a life of the session that is over: throws what ends it. */
  outdated(): never
}

/** What was written: the lowest number that is not acknowledged, the highest, and the bytes from there on. */
export interface SentNumbers {
  readonly first: number
  readonly last: number
  readonly bytesUnderWay: number
}

/** Who keeps a session beyond its client hears of what the server is about to be told, so that it can be kept first. */
export interface SessionJournal {
  /** A hello, a turn or a cursor is about to be told. */
  beforeTold(): void
  /** Messages up to this number are about to be written. */
  beforeNumbers(last: number): void
}

/** Whoever keeps copies of a session hears of all that changes it, before it does. */
export interface SessionCopies {
  /** A frame of the server is about to be read; `told` as in `SessionState.readBytes`. */
  read(frame: string | ArrayBuffer, told: string): void
  /** It is another session now: nothing of the one before is known. */
  begun(): void
}

/** A session in several pages, one of which has its connection. */
export interface SessionSharing {
  copies: SessionCopies | null
  /** What the server is told instead of how far each stream was taken: what the copies have as well; `null`: as far as the session. */
  cursor: string | null
  /** Other pages go on with it, so that a client that connects again begins no other one. */
  isKept: boolean
}

/** What a client before has sent, and the server has not acknowledged. */
export interface KeptMessage {
  readonly n: number
  /** `null` where it was withdrawn, or was not kept. */
  readonly data: string | ArrayBuffer | null
  /** The instant from which it is of no use any more, by the clock of its host; absent once it was written. */
  readonly expiresAt?: number
  /** The data are the JSON of a call. */
  readonly isCall?: boolean
}
