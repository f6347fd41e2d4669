import type { Flushed } from '../api/calls.ts'
import type { Report } from '../api/evidence.ts'
import type { SenderPort, Unsent } from '../api/message-sender.ts'
import type { Writable } from '../api/transport.ts'
import { valuesOf } from '../sending/final-flush.ts'
import { FlushWaiters } from '../sending/flush-waiters.ts'
import { type Entry, Outbox } from '../sending/outbox.ts'
import type { PendingCall } from '../sending/pending-call.ts'
import { bytesOf } from '../sending/plain-sender.ts'
import { BlobReader } from '../session/blob-reader.ts'
import { CallAnswers, once } from '../session/call-answers.ts'
import { isBlob } from '../util/type-tags.ts'
import { wellFormed } from '../util/well-formed.ts'
import type { Sent } from './messages.ts'

interface Handed<Out> {
  readonly entry: Entry<Out>
  readonly data: Sent
}

export interface MailboxPort<Out> extends Pick<SenderPort<Out>, 'host' | 'limits' | 'ttlMs' | 'writeTimeoutMs'> {
  onLost(lost: { readonly undelivered?: readonly Out[]; readonly unconfirmed?: readonly Out[] }, report: Report): void
  /** There may be something to hand over. */
  onWaiting(): void
}

/** What one tab sends: what waits for the leader, what it was handed, and what has a number in the session. */
export class Mailbox<Out> {
  readonly answers = new CallAnswers<Out>()
  readonly #port: MailboxPort<Out>
  readonly #outbox: Outbox<Out>
  readonly #blobs: BlobReader<Out>
  #waiters = new FlushWaiters()
  #lastOrder = 0
  /** Handed to a leader that may be gone, and without a place as far as this tab has heard. */
  #handed: Handed<Out>[] = []
  /** With a number, upwards; without a value once it was reported. */
  #numbered: { readonly n: number; readonly entry: Entry<Out>; isReported: boolean }[] = []
  /** How many of `#handed` the present leader was given. */
  #given = 0

  constructor(port: MailboxPort<Out>) {
    this.#port = port
    this.#outbox = new Outbox(port.limits)
    this.#blobs = new BlobReader({
      ...port,
      onRead: () => port.onWaiting(),
      onUnreadable: (entry, report) => {
        if (this.#outbox.remove(entry)) this.#lose([entry], report)
      },
    })
  }

  /** Whether nothing is left of what was sent. */
  get isEmpty(): boolean {
    return !this.#outbox.first && !this.#handed.length && !this.#numbered.length
  }

  /** When a message has waited too long. */
  get expiresAt(): number {
    return this.#outbox.first?.expiresAt ?? Infinity
  }

  /** @throws RangeError when the outbox may not take it */
  send(value: Out, data: Writable): void {
    const written = typeof data === 'string' ? wellFormed(data) : data
    const entry = this.#push(value, written, bytesOf(written))
    if (isBlob(written)) this.#blobs.read(written, entry)
  }

  /** As `CallSender.call`. */
  call(json: string, call: PendingCall, bytes: number): Entry<Out> {
    return this.#push(undefined as Out, wellFormed(json), bytes, once(call))
  }

  /** As `CallSender.withdrawCall`. */
  withdrawCall(entry: Entry<Out>): number | undefined {
    return this.#outbox.remove(entry) ? undefined : this.#numbered.find((each) => each.entry === entry)?.n
  }

  /** This tab's message of a number. */
  of(n: number): Entry<Out> | undefined {
    return this.#numbered.find((each) => each.n === n)?.entry
  }

  /** Nobody will be there to hear an answer. */
  loseCalls(): void {
    const entries = [...this.#numbered, ...this.#handed].map(({ entry }) => entry)
    for (const { call } of [...entries, ...this.#outbox.calls]) call?.lost('closed')
  }

  /** Resolves when all that was sent so far is settled. */
  async flushed(): Promise<Flushed<Out>> {
    const flushed = this.#waiters.add(this.#lastOrder)
    this.#wake()
    await flushed
    return { refused: this.answers.takeRefused() }
  }

  refuseWaiters(): void {
    this.#waiters.refuse()
  }

  /** Lets go of what has waited too long. */
  expire(now: number): void {
    this.#lose(this.#outbox.expire(now), { kind: 'expired' })
    this.#wake()
  }

  /** Another leader, or another connection of the same: it is given everything again that has no place. */
  giveAgain(): void {
    this.#given = 0
  }

  /** What the leader is to be given now; `skip`: so many of those without a place were given to it before. */
  give(maxMessageBytes: number): { readonly skip: number; readonly messages: readonly Sent[] } {
    for (let first = this.#outbox.first; first && !isBlob(first.data); first = this.#outbox.first) {
      if (first.bytes > maxMessageBytes) {
        this.#outbox.shift()
        this.#lose([first], { kind: 'too-large' })
        continue
      }
      this.#outbox.hold()
      this.#handed.push({ entry: first, data: first.call ? { call: String(first.data) } : first.data })
    }
    const skip = this.#given
    this.#given = this.#handed.length
    return { skip, messages: this.#handed.slice(skip).map(({ data }) => data) }
  }

  /** The oldest without a place has got one; `n` is `undefined` where it is settled already. */
  placed(n: number | undefined): void {
    const handed = this.#handed.shift()
    this.#given = Math.max(0, this.#given - 1)
    if (handed) this.#numbered.push({ n: n ?? 0, entry: handed.entry, isReported: false })
  }

  /** The server has settled everything below this number. */
  settledBelow(first: number): void {
    const settled = this.#numbered.filter(({ n }) => n < first)
    if (!settled.length) return
    this.#numbered = this.#numbered.filter(({ n }) => n >= first)
    for (const { entry } of settled) entry.call?.lost('lost')
    this.#release(settled.map(({ entry }) => entry))
  }

  /** These never pass. */
  withdrawn(numbers: ReadonlySet<number>, report: Report): void {
    const lost = this.#numbered.filter(({ n, isReported }) => !isReported && numbers.has(n))
    for (const each of lost) each.isReported = true
    this.#lose(
      lost.map(({ entry }) => entry),
      report,
    )
  }

  /** The session is gone for which they were handed over, and nobody knows what became of them. */
  forgotten(): void {
    const handed = this.#handed.splice(0).map(({ entry }) => ({ entry, isReported: false }))
    const gone = [...this.#numbered.splice(0), ...handed]
    this.#given = 0
    for (const { entry } of gone) entry.call?.lost('lost')
    const unconfirmed = valuesOf(gone.flatMap(({ entry, isReported }) => (isReported ? [] : [entry])))
    if (unconfirmed.length) this.#port.onLost({ unconfirmed }, { kind: 'forgotten' })
    this.#release(gone.map(({ entry }) => entry))
  }

  /** The end: what is left is given up. */
  drain(): Unsent<Out> {
    this.#blobs.stop()
    const sent = [...this.#numbered.filter(({ isReported }) => !isReported), ...this.#handed]
    const unsent = this.#outbox.drain()
    const held = [...this.#numbered, ...this.#handed].map(({ entry }) => entry)
    this.#numbered = []
    this.#handed = []
    if (held.length || unsent.length) this.#waiters.refuse()
    this.#release(held)
    for (const { call } of [...unsent, ...held]) call?.lost('closed')
    return { unsent: valuesOf(unsent), unconfirmed: valuesOf(sent.map(({ entry }) => entry)) }
  }

  #release(entries: readonly Entry<Out>[]): void {
    this.#outbox.release(
      entries.length,
      entries.reduce((sum, { bytes }) => sum + bytes, 0),
    )
    this.#wake()
  }

  #push(value: Out, data: Writable, bytes: number, call?: PendingCall): Entry<Out> {
    const { host, ttlMs, onWaiting } = this.#port
    const place = { n: this.#lastOrder + 1, expiresAt: host.now() + ttlMs }
    const entry = { value, data, bytes, ...place, ...(call && { call }) }
    const dropped = this.#outbox.push(entry)
    this.#lastOrder += 1
    this.#lose(dropped, { kind: 'overflow' })
    onWaiting()
    return entry
  }

  #lose(entries: readonly Entry<Out>[], report: Report): void {
    for (const { call } of entries) call?.lost('undelivered')
    const undelivered = valuesOf(entries)
    if (undelivered.length) this.#port.onLost({ undelivered }, report)
  }

  #wake(): void {
    const oldest = this.#numbered[0]?.entry ?? this.#handed[0]?.entry ?? this.#outbox.first
    this.#waiters.settle(oldest ? oldest.n - 1 : this.#lastOrder)
  }
}
