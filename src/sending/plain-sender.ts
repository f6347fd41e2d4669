import type { Flushed } from '../api/calls.ts'
import type { MessageSender, SenderPort, Unsent } from '../api/message-sender.ts'
import type { Link, Writable } from '../api/transport.ts'
import { isBlob } from '../util/type-tags.ts'
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

/** More is not written while so many bytes still wait in the socket: what is there can neither be taken back nor counted. */
export const highWaterBytes = 2 ** 20

/** Brings messages from the outbox to the link, in order, and knows of each whether it has been handed to the network. */
export class PlainSender<Out> implements MessageSender<Out> {
  readonly #port: SenderPort<Out>
  readonly #outbox: Outbox<Out>
  #link: Link | null = null
  /** What posts can do so when the stream beside it is gone. */
  #lastPosting: Link | null = null
  #lastN = 0
  #controller: AbortController | null = null
  /** The POST on its way. It outlives its link: whether it arrives has nothing to do with the stream beside it. */
  #posting: EntryPosting<Out> | null = null
  /** What the socket has taken and perhaps not sent yet, in order. */
  #written: Written<Out>[] = []
  #writtenBytes = 0
  #forgetAtLength = 0
  #lookAgainAt = Infinity
  #flushWaiters = new FlushWaiters()

  constructor(port: SenderPort<Out>) {
    this.#port = port
    this.#outbox = new Outbox(port.limits)
  }

  /** Takes a message over; throws when the outbox may not. */
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

  /** The link is gone; returns what it had taken and not certainly sent. */
  detach(): readonly Out[] {
    this.#forgetSent()
    const lost = this.#written.map(({ entry }) => entry.value)
    this.#written = []
    this.#link = null
    this.#lookAgainAt = Infinity
    this.#wakeWaiters()
    return lost
  }

  /** When `pump()` has something to do without being told. */
  dueAt(): number {
    return Math.min(this.#lookAgainAt, this.#outbox.first?.expiresAt ?? Infinity)
  }

  /** Writes what can be written. */
  pump(): void {
    const { host, onLost, onSent, onDue } = this.#port
    const expired = this.#outbox.expire(host.now())
    if (expired.length) onLost({ undelivered: valuesOf(expired) }, { kind: 'expired' })
    const link = this.#link
    while (link && link === this.#link && !this.#posting && this.#outbox.first && link.bufferedBytes() < highWaterBytes) {
      this.#write(link)
      onSent()
    }
    // Amortised: looking through all of it after every message would be quadratic.
    if (!this.#flushWaiters.isEmpty || this.#written.length >= this.#forgetAtLength) this.#forgetSent()
    if (!this.#flushWaiters.isEmpty) this.#wakeWaiters()
    const isStuck = this.#outbox.first && link && !this.#posting
    this.#lookAgainAt = this.#written.length && (isStuck || !this.#flushWaiters.isEmpty) ? host.now() + lookAgainMs : Infinity
    onDue()
  }

  /** Resolves when all sent so far is handed to the network. */
  async flushed(): Promise<Flushed<Out>> {
    const flushed = this.#flushWaiters.add(this.#lastN)
    this.pump()
    await flushed
    return { refused: [] }
  }

  /** There will be no connection: nobody need wait for one. What waits is kept, in case the application connects again. */
  giveUp(): void {
    this.#flushWaiters.refuse()
  }

  /**
   * The end: writes what waits as far as one last write allows (all of it where the link writes at once, one message where it
   * posts), lets `close` end the link, and gives that write 5 s to leave.
   */
  async finish(close: () => void): Promise<Unsent<Out>> {
    const isPageLeaving = this.#port.isPageLeaving()
    // Chromium ends a page's streams before the page hears that it goes away.
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
    // A socket needs none: one serves until a request takes it.
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

/** The length on the wire: UTF-8 for text. */
export function bytesOf(data: Writable): number {
  if (typeof data !== 'string') return isBlob(data) ? data.size : data.byteLength
  let bytes = data.length
  for (let index = 0; index < data.length; index += 1) {
    const unit = data.charCodeAt(index)
    // A surrogate pair has two units and four bytes.
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1
  }
  return bytes
}
