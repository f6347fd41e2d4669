import type { Flushed } from './calls.ts'
import type { EventDetails } from './events.ts'
import type { Report } from './evidence.ts'
import type { Host } from './host.ts'
import type { Link, Writable } from './transport.ts'

/** The bounds of what waits to be sent. */
export interface OutboxBounds {
  readonly maxMessages: number
  readonly maxBytes: number
  readonly overflow: 'reject' | 'drop-oldest' | 'drop-newest'
}

/** What a closed client could not deliver. */
export interface Unsent<Out> {
  /** Messages that certainly did not leave. */
  readonly unsent: readonly Out[]
  /** Messages handed to the network of which nobody knows whether they arrived. */
  readonly unconfirmed: readonly Out[]
}

/** What sends for a client, whichever its mode. */
export interface MessageSender<Out> {
  send(value: Out, data: Writable): void
  attach(link: Link): void
  /** The link is gone; returns what it had taken of which nobody knows whether it arrived. */
  detach(): readonly Out[]
  dueAt(): number
  pump(): void
  flushed(): Promise<Flushed<Out>>
  giveUp(): void
  /** `close` ends the link; given a promise, when that is settled. */
  finish(close: (settled?: Promise<void>) => void, code: number | undefined, reason: string): Promise<Unsent<Out>>
  /** The application connects again after the end. */
  begin?(): void
  /** The server called what it was given too large. */
  tooLarge?(): void
}

export interface SenderPort<Out> {
  readonly host: Host
  readonly limits: OutboxBounds
  readonly ttlMs: number
  readonly writeTimeoutMs: number
  /** Messages that could not be delivered, or of which nobody knows. */
  onLost(lost: { readonly undelivered?: readonly Out[]; readonly unconfirmed?: readonly Out[] }, report: Report): void
  onSent(): void
  /** Its `dueAt()` has changed. */
  onDue(): void
  /** Whether the page goes away, so that a request has to outlive it. */
  isPageLeaving(): boolean
  /** The last known round trip, in milliseconds; 0 where there is none. */
  roundTripMs(): number
  /** The server can no longer replay messages that this client missed. */
  onGap(gap: EventDetails['gap']): void
  /** What was written should have been acknowledged by now. */
  onAckOverdue(): void
  /** Requests reach a server with another store, and then the one that knows this client. */
  onDivided(): void
  /** Something that is no event, for who reads what `debug` prints. */
  onNote(line: string): void
  /** A request of the link failed, and the connection with it. */
  onBroken(report: Report): void
}
