import type { Flushed } from '../api/calls.ts'
import type { Report } from '../api/evidence.ts'
import type { SenderPort } from '../api/message-sender.ts'
import type { Writable } from '../api/transport.ts'
import { valuesOf } from '../sending/final-flush.ts'
import { FlushWaiters } from '../sending/flush-waiters.ts'
import type { Entry } from '../sending/outbox.ts'
import { nobodyWaits, type PendingCall } from '../sending/pending-call.ts'
import { BlobReader } from '../session/blob-reader.ts'
import { CallAnswers } from '../session/call-answers.ts'
import { SendBuffer, type SendBufferPort } from '../session/send-buffer.ts'
import { isBlob } from '../util/type-tags.ts'
import type { Sent } from './messages.ts'

interface Posted<Out> {
  readonly entry: Entry<Out>
  /** `null` once it is withdrawn. */
  data: Sent
  /** Is called with the number of a withdrawn call. */
  abort?: (n: number) => void
}

interface Numbered<Out> extends Posted<Out> {
  /** 0 if it is acknowledged already. */
  readonly n: number
  /** It was already reported as lost. */
  isReported: boolean
}

export interface MailboxPort<Out> extends SendBufferPort<Out>, Pick<SenderPort<Out>, 'writeTimeoutMs'> {
  /** Called when there may be a message to hand over. */
  onWaiting(): void
}

/** The messages of one tab: those queued for the leader, those posted, and those numbered in the session. */
export class Mailbox<Out> {
  /** How many messages of this tab are numbered, as far as it has received. */
  count = 0
  readonly answers = new CallAnswers<Out>()
  readonly #port: MailboxPort<Out>
  readonly #buffer: SendBuffer<Out>
  readonly #blobs: BlobReader<Out>
  /** Messages posted to a leader that may be gone, and not numbered as far as this tab has heard. */
  #posted: Posted<Out>[] = []
  /** Numbered messages, in ascending order. */
  #numbered: Numbered<Out>[] = []
  /** Those who wait until each message that was posted is acknowledged or lost. */
  readonly #settling = new FlushWaiters()
  /** How many of `#posted` were posted to the present leader. */
  #postedToLeader = 0

  constructor(port: MailboxPort<Out>) {
    this.#port = port
    this.#buffer = new SendBuffer(port)
    this.#blobs = new BlobReader({
      ...port,
      onRead: () => port.onWaiting(),
      onUnreadable: (entry, report) => {
        if (this.#buffer.outbox.remove(entry)) this.#buffer.lose([entry], report)
      },
    })
  }

  /** When the oldest queued message expires. */
  get expiresAt(): number {
    return this.#buffer.outbox.first?.expiresAt ?? Infinity
  }

  /** @throws RangeError if the outbox is full */
  send(value: Out, data: Writable): void {
    const entry = this.#buffer.message(value, data)
    if (isBlob(data)) this.#blobs.read(data, entry)
    this.#port.onWaiting()
  }

  /** As `CallSender.call`. */
  call(json: string, call: PendingCall, bytes: number): Entry<Out> {
    const entry = this.#buffer.call(json, call, bytes)
    this.#port.onWaiting()
    return entry
  }

  /** As `CallSender.withdrawCall`. If the leader has posted no number yet, the next one is given nothing in place of the call. */
  withdrawCall(entry: Entry<Out>, abort: (n: number) => void): void {
    if (this.#buffer.outbox.remove(entry)) return
    const isIt = (each: Posted<Out>) => each.entry === entry
    const numbered = this.#numbered.find(isIt)
    const posted = numbered ?? this.#posted.find(isIt)
    if (posted) Object.assign(posted, { data: null, abort })
    if (numbered?.n) abort(numbered.n)
  }

  /** This tab's message with that number. */
  of(n: number): Entry<Out> | undefined {
    return this.#numbered.find((each) => each.n === n)?.entry
  }

  /**
   * Rejects the calls that are still waiting for an answer.
   * @param isClosing the client is closed, but not the session: the requests are withdrawn
   */
  loseCalls(isClosing: boolean): void {
    const abort = (of: number) => {
      try {
        this.call(JSON.stringify({ type: 'abort', of }), nobodyWaits, 64)
      } catch {
        // The outbox is full, so nothing reaches the server now.
      }
    }
    const entries = [...this.#numbered, ...this.#posted].map(({ entry }) => entry)
    for (const entry of [...entries, ...this.#buffer.outbox.calls]) {
      if (isClosing && entry.call && String(entry.data).startsWith('{"type":"request"')) this.withdrawCall(entry, abort)
      entry.call?.lost('closed')
    }
  }

  /** Resolves when all messages sent so far are acknowledged or lost. */
  async flushed(): Promise<Flushed<Out>> {
    const flushed = this.#buffer.flushed()
    this.#wake()
    await flushed
    return { refused: this.answers.takeRefused() }
  }

  /** Resolves when each message that was posted is acknowledged or lost. */
  settled(): Promise<void> {
    const settled = this.#settling.add(0)
    this.#wake()
    return settled
  }

  /** Hands over the pending `flushed()` calls to the caller, which settles them. */
  takeWaiters(): FlushWaiters {
    return this.#buffer.takeWaiters()
  }

  /** Drops the messages that have expired. */
  expire(now: number): void {
    this.#buffer.expire(now)
    this.#wake()
  }

  /** The leader or its connection is a new one: all messages without a number are posted again. */
  repost(): void {
    this.#postedToLeader = 0
  }

  /** The messages to post to the leader now; `skip`: how many of those without a number it has received before. */
  toPost(maxMessageBytes: number): { readonly skip: number; readonly messages: readonly Sent[] } {
    for (let first = this.#buffer.outbox.first; first && !isBlob(first.data); first = this.#buffer.outbox.first) {
      if (first.bytes > maxMessageBytes) {
        this.#buffer.outbox.shift()
        this.#buffer.lose([first], { kind: 'too-large' })
        continue
      }
      this.#buffer.outbox.hold()
      this.#posted.push({ entry: first, data: first.call ? { call: String(first.data) } : first.data })
    }
    const skip = this.#postedToLeader
    this.#postedToLeader = this.#posted.length
    return { skip, messages: this.#posted.slice(skip).map(({ data }) => data) }
  }

  /** Numbers the oldest message posted; `n` is `undefined` if it is acknowledged already. */
  placed(n: number | undefined): void {
    this.count += 1
    const posted = this.#posted.shift()
    this.#postedToLeader = Math.max(0, this.#postedToLeader - 1)
    if (!posted) return
    this.#numbered.push({ ...posted, n: n ?? 0, isReported: false })
    if (n) posted.abort?.(n)
  }

  /**
   * The session knows only `count` messages of this tab. A leader numbered the others, and left before it received the numbers
   * itself, that is, before it wrote those messages: they are posted again, unless they were reported as lost.
   */
  revoked(count: number): void {
    const surplus = Math.min(this.#numbered.length, Math.max(0, this.count - count))
    const revoked = this.#numbered.splice(this.#numbered.length - surplus)
    this.count = Math.min(this.count, count)
    this.#posted.unshift(...revoked.filter(({ isReported }) => !isReported))
    this.#release(revoked.flatMap(({ isReported, entry }) => (isReported ? [entry] : [])))
  }

  /** The server has acknowledged all messages below this number. */
  settledBelow(first: number): void {
    const settled = this.#numbered.filter(({ n }) => n < first)
    if (!settled.length) return
    this.#numbered = this.#numbered.filter(({ n }) => n >= first)
    for (const { entry } of settled) entry.call?.lost('lost')
    this.#release(settled.map(({ entry }) => entry))
  }

  /** Reports messages that are never delivered. */
  withdrawn(numbers: ReadonlySet<number>, report: Report): void {
    const lost = this.#numbered.filter(({ n, isReported }) => !isReported && numbers.has(n))
    for (const each of lost) each.isReported = true
    this.#buffer.lose(
      lost.map(({ entry }) => entry),
      report,
    )
  }

  /** The session of the posted messages is gone, and it is unknown whether they were delivered. */
  forgotten(): void {
    const posted = this.#posted.splice(0).map(({ entry }) => ({ entry, isReported: false }))
    const gone = [...this.#numbered.splice(0), ...posted]
    this.#postedToLeader = this.count = 0
    for (const { entry } of gone) entry.call?.lost('lost')
    const unconfirmed = valuesOf(gone.flatMap(({ entry, isReported }) => (isReported ? [] : [entry])))
    if (unconfirmed.length) this.#port.onLost({ unconfirmed }, { kind: 'forgotten' })
    this.#release(gone.map(({ entry }) => entry))
  }

  /** Removes the messages that were not posted, and returns them. */
  takeQueued(): readonly Out[] {
    this.#blobs.stop()
    const queued = this.#buffer.outbox.drain()
    for (const { call } of queued) call?.lost('closed')
    this.#wake()
    return valuesOf(queued)
  }

  /** Removes the messages that were posted, and returns those that may not have arrived. */
  takePosted(): readonly Out[] {
    const sent = [...this.#numbered.filter(({ isReported }) => !isReported), ...this.#posted]
    const held = [...this.#numbered, ...this.#posted].map(({ entry }) => entry)
    this.#numbered = []
    this.#posted = []
    this.#release(held)
    for (const { call } of held) call?.lost('closed')
    return valuesOf(sent.map(({ entry }) => entry))
  }

  #release(entries: readonly Entry<Out>[]): void {
    this.#buffer.outbox.release(
      entries.length,
      entries.reduce((sum, { bytes }) => sum + bytes, 0),
    )
    this.#wake()
  }

  #wake(): void {
    this.#buffer.settle(this.#numbered[0]?.entry ?? this.#posted[0]?.entry)
    if (!this.#numbered.length && !this.#posted.length) this.#settling.settle(0)
  }
}
