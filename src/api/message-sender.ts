import type { Flushed } from './calls.ts'
import type { EventDetails } from './events.ts'
import type { Report } from './evidence.ts'
import type { Host } from './host.ts'
import type { Link, Writable } from './transport.ts'

/** The limits of the outbox. */
export interface OutboxBounds {
  readonly maxMessages: number
  readonly maxBytes: number
  readonly overflow: 'reject' | 'drop-oldest' | 'drop-newest'
}

/** The result of `client.close()`: the messages that may not have arrived. */
export interface Unsent<Out> {
  /** Messages that were certainly not sent. */
  readonly unsent: readonly Out[]
  /** Messages that were written and may or may not have arrived. */
  readonly unconfirmed: readonly Out[]
}

/** The sending half of a client, in plain mode or in a session. */
export interface MessageSender<Out> {
  /**
   * Queues a message: `value` is the application's, for reports, and `data` is what is written.
   * @throws RangeError if the outbox is full and its `overflow` is `'reject'`
   */
  send(value: Out, data: Writable): void
  /** Messages are written to this link from now on. */
  attach(link: Link): void
  /** The link is gone; returns the unconfirmed messages: written to it, and they may or may not have arrived. */
  detach(): readonly Out[]
  /** The time by the host's clock at which `pump()` has something to do next; `Infinity` for never. */
  dueAt(): number
  /** Does what is due: writes queued messages, and drops those that have expired. */
  pump(): void
  flushed(): Promise<Flushed<Out>>
  /** There will be no connection: rejects the pending `flushed()`, and in a session the pending calls. Messages stay queued. */
  giveUp(): void
  /** Makes the final flush of a closing client; calls `close`, which ends the link (when the given promise settles). */
  finish(close: (settled?: Promise<void>) => void, code: number | undefined, reason: string): Promise<Unsent<Out>>
  /** The application calls `connect()` after the client was closed. */
  begin?(): void
  /** The server closed the connection because a message was too large. */
  tooLarge?(): void
}

/** What a sender needs of its client. */
export interface SenderPort<Out> {
  readonly host: Host
  readonly limits: OutboxBounds
  /** How long a message may wait in the outbox, in milliseconds. */
  readonly ttlMs: number
  /** How long one request that sends messages may take, in milliseconds. */
  readonly writeTimeoutMs: number
  /** Reports messages that could not be delivered, or are unconfirmed. */
  onLost(lost: { readonly undelivered?: readonly Out[]; readonly unconfirmed?: readonly Out[] }, report: Report): void
  onSent(): void
  /** The sender's `dueAt()` has changed. */
  onDue(): void
  /** Whether the page is being unloaded, so that requests must outlive it (`keepalive`). */
  isPageLeaving(): boolean
  /** Returns the last known round trip, in milliseconds; 0 if it is unknown. */
  roundTripMs(): number
  /** Reports that the server can no longer replay messages that this client missed. */
  onGap(gap: EventDetails['gap']): void
  /** The acknowledgment of a written message is overdue. */
  onAckOverdue(): void
  /** Requests alternate between servers that do not share a store. */
  onDivided(): void
  /** Prints a line through the option `debug`. */
  onNote(line: string): void
  /** A request of the link failed, and with it the connection. */
  onBroken(report: Report): void
}
