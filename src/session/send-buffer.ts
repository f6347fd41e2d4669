import type { Report } from '../api/evidence.ts'
import type { SenderPort } from '../api/message-sender.ts'
import type { Writable } from '../api/transport.ts'
import { valuesOf } from '../sending/final-flush.ts'
import { FlushWaiters } from '../sending/flush-waiters.ts'
import { type Entry, Outbox } from '../sending/outbox.ts'
import type { PendingCall } from '../sending/pending-call.ts'
import { bytesOf } from '../util/bytes-of.ts'
import { wellFormed } from '../util/well-formed.ts'
import { once } from './call-answers.ts'

export type SendBufferPort<Out> = Pick<SenderPort<Out>, 'host' | 'limits' | 'ttlMs' | 'onLost'>

/** The messages without a number, and the pending flushed() calls. */
export class SendBuffer<Out> {
  outbox: Outbox<Out>
  readonly #port: SendBufferPort<Out>
  /** The pending `flushed()` calls. */
  waiters = new FlushWaiters()
  /** How many messages were ever given. */
  #count = 0

  constructor(port: SendBufferPort<Out>) {
    this.#port = port
    this.outbox = new Outbox(port.limits)
  }

  /** @throws RangeError if the outbox is full */
  message(value: Out, data: Writable): Entry<Out> {
    const written = typeof data === 'string' ? wellFormed(data) : data
    return this.#push(value, written, bytesOf(written))
  }

  /** As `CallSender.call`. */
  call(json: string, call: PendingCall, bytes: number): Entry<Out> {
    return this.#push(undefined as Out, wellFormed(json), bytes, once(call))
  }

  /** Drops the messages that have expired. */
  expire(now: number): void {
    this.lose(this.outbox.expire(now), { kind: 'expired' })
  }

  /** Drops the next messages that are larger than the server accepts, `most` bytes each. */
  dropTooLarge(most: number): void {
    for (let { first } = this.outbox; first && first.bytes > most; { first } = this.outbox) {
      this.outbox.shift()
      this.lose([first], { kind: 'too-large' })
    }
  }

  /** Reports messages that are never delivered. */
  lose(entries: readonly Entry<Out>[], report: Report): void {
    for (const { call } of entries) call?.lost('undelivered')
    const undelivered = valuesOf(entries)
    if (undelivered.length) this.#port.onLost({ undelivered }, report)
  }

  /** Resolves when all messages given so far are acknowledged or lost. */
  flushed(): Promise<void> {
    return this.waiters.add(this.#count)
  }

  /** Resolves the `flushed()` calls that are complete; `oldest`: the first unacknowledged message that has left the outbox. */
  settle(oldest: Entry<Out> | undefined): void {
    const first = oldest ?? this.outbox.first
    this.waiters.settle(first ? first.n - 1 : this.#count)
  }

  /** Hands over the pending `flushed()` calls to the caller, which settles them. */
  takeWaiters(): FlushWaiters {
    const waiters = this.waiters
    this.waiters = new FlushWaiters()
    return waiters
  }

  /** Replaces the outbox by an empty one. */
  renew(): Outbox<Out> {
    this.outbox = new Outbox(this.#port.limits)
    return this.outbox
  }

  #push(value: Out, data: Writable, bytes: number, call?: PendingCall): Entry<Out> {
    const { host, ttlMs } = this.#port
    const entry = { value, data, bytes, n: this.#count + 1, expiresAt: host.now() + ttlMs, call }
    const dropped = this.outbox.push(entry)
    this.#count += 1
    if (dropped.length) this.lose(dropped, { kind: 'overflow' })
    return entry
  }
}
