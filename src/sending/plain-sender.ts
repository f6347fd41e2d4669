import type { Flushed } from '../api/calls.ts'
import type { MessageSender, SenderPort, Unsent } from '../api/message-sender.ts'
import type { Link, Writable } from '../api/transport.ts'
import { bytesOf } from '../util/bytes-of.ts'
import {
  deliveredBy,
  type EntryPosting,
  finalFlush,
  keepaliveBytes,
  lookAgainMs,
  unsentOf,
  valuesOf,
  type Written,
} from './final-flush.ts'
import { FlushWaiters } from './flush-waiters.ts'
import { Outbox } from './outbox.ts'
import { batchBytes, bytesOfEntries, deliverBatch, takeBatch } from './post-batch.ts'

/** No message is written while the socket buffers so many bytes: buffered messages can be neither withdrawn nor counted. */
export const highWaterBytes = 2 ** 20

/** Writes messages from the outbox to the link, in order, and tracks which of them have left the page. */
export class PlainSender<Out> implements MessageSender<Out> {
  readonly #port: SenderPort<Out>
  readonly #outbox: Outbox<Out>
  #link: Link | null = null
  /** The last link, if it POSTs: it can still do so when its stream is gone. */
  #lastPosting: Link | null = null
  #lastN = 0
  #controller: AbortController | null = null
  /** The pending POST. It outlives its link, since its outcome does not depend on the stream beside it. */
  #posting: EntryPosting<Out> | null = null
  /** Messages written to the socket that may still be in its buffer, in order. */
  #written: Written<Out>[] = []
  #writtenBytes = 0
  #forgetAtLength = 0
  #lookAgainAt = Infinity
  #flushWaiters = new FlushWaiters()

  constructor(port: SenderPort<Out>) {
    this.#port = port
    this.#outbox = new Outbox(port.limits)
  }

  /** Queues a message and writes it if possible. @throws RangeError if the outbox rejects it */
  send(value: Out, data: Writable): void {
    const { host, ttlMs, onLost } = this.#port
    const dropped = this.#outbox.push({ value, data, bytes: bytesOf(data), n: this.#lastN + 1, expiresAt: host.now() + ttlMs })
    this.#lastN += 1
    if (dropped.length) onLost({ undelivered: valuesOf(dropped) }, { kind: 'overflow' })
    this.pump()
  }

  /** Writes to this link from now on. */
  attach(link: Link): void {
    this.#link = link
    this.#lastPosting = link.isPosting ? link : null
    this.#writtenBytes = 0
    this.pump()
  }

  /** The link is gone; returns the messages that were written to it and may not have been sent. */
  detach(): readonly Out[] {
    this.#forgetSent()
    const lost = this.#written.map(({ entry }) => entry.value)
    this.#written = []
    this.#link = null
    this.#lookAgainAt = Infinity
    this.#wakeWaiters()
    return lost
  }

  /** Returns when `pump()` must be called next. */
  dueAt(): number {
    return Math.min(this.#lookAgainAt, this.#outbox.first?.expiresAt ?? Infinity)
  }

  /** Writes as many messages as possible. */
  pump(): void {
    const { host, onLost, onSent, onDue } = this.#port
    const expired = this.#outbox.expire(host.now())
    if (expired.length) onLost({ undelivered: valuesOf(expired) }, { kind: 'expired' })
    const link = this.#link
    while (link && link === this.#link && !this.#posting && this.#outbox.first && link.bufferedBytes() < highWaterBytes) {
      this.#write(link)
      onSent()
    }
    // Amortized: filtering the whole list after every message would be quadratic.
    if (!this.#flushWaiters.isEmpty || this.#written.length >= this.#forgetAtLength) this.#forgetSent()
    if (!this.#flushWaiters.isEmpty) this.#wakeWaiters()
    const isStuck = this.#outbox.first && link && !this.#posting
    this.#lookAgainAt = this.#written.length && (isStuck || !this.#flushWaiters.isEmpty) ? host.now() + lookAgainMs : Infinity
    onDue()
  }

  /** Resolves when all messages sent so far have left the page. */
  async flushed(): Promise<Flushed<Out>> {
    const flushed = this.#flushWaiters.add(this.#lastN)
    this.pump()
    await flushed
    return { refused: [] }
  }

  /** Rejects pending `flushed()` calls: the client has given up. The queue is kept, in case the application connects again. */
  giveUp(): void {
    this.#flushWaiters.refuse()
  }

  /**
   * Closes the sender: makes the final flush (all queued messages over a WebSocket, one POST otherwise), lets `close` end the
   * link, and allows 5 s for it.
   */
  async finish(close: () => void): Promise<Unsent<Out>> {
    const isPageLeaving = this.#port.isPageLeaving()
    // Chromium ends a page's streams before it fires `pagehide`.
    const link = this.#link ?? (isPageLeaving ? this.#lastPosting : null)
    while (link && !link.isPosting && this.#outbox.first) this.#write(link)
    const rest = {
      link,
      posting: this.#posting,
      written: this.#written,
      writtenBytes: this.#writtenBytes,
      last: link?.isPosting ? takeBatch(link, this.#outbox, keepaliveBytes) : [],
      waiting: this.#outbox.drain(),
      isPageLeaving,
    }
    const flushWaiters = this.#flushWaiters
    this.#flushWaiters = new FlushWaiters()
    if (!link && rest.waiting.length) flushWaiters.refuse()
    this.#posting = null
    this.#written = []
    this.detach()
    close()
    const left = await finalFlush(rest, this.#port.host)
    if (left.unsent.length || left.unconfirmed.length) flushWaiters.refuse()
    else flushWaiters.settle(Infinity)
    return left
  }

  #write(link: Link): void {
    const { host, isPageLeaving, writeTimeoutMs } = this.#port
    const entries = takeBatch(link, this.#outbox, isPageLeaving() ? keepaliveBytes : batchBytes)
    // A socket does not use it: one controller is kept until a POST uses it.
    this.#controller ??= new AbortController()
    const controller = this.#controller
    const isLast = isPageLeaving() && bytesOfEntries(entries) <= keepaliveBytes
    const done = deliverBatch(link, entries, controller.signal, isLast)
    if (!done) {
      for (const entry of entries) {
        this.#writtenBytes += entry.bytes
        this.#written.push({ entry, end: this.#writtenBytes })
      }
      return
    }
    this.#controller = null
    const posting = { entries, controller, done }
    this.#posting = posting
    deliveredBy(posting, host.now() + writeTimeoutMs, host)
      .then((result) => {
        if (this.#posting !== posting) return
        this.#posting = null
        const values = valuesOf(entries)
        if (result.outcome !== 'sent')
          this.#port.onLost(result.outcome === 'refused' ? { undelivered: values } : { unconfirmed: values }, result.report)
        this.pump()
      })
      .catch((error) => host.report(error))
  }

  #forgetSent(): void {
    if (this.#link) this.#written = unsentOf(this.#written, this.#writtenBytes - this.#link.bufferedBytes())
    this.#forgetAtLength = Math.max(64, this.#written.length * 2)
  }

  #wakeWaiters(): void {
    const oldest = this.#posting?.entries[0] ?? this.#written[0]?.entry ?? this.#outbox.first
    this.#flushWaiters.settle(oldest ? oldest.n - 1 : this.#lastN)
  }
}
