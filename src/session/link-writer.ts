import type { Report } from '../api/evidence.ts'
import type { Link } from '../api/transport.ts'
import { deliveredBy, lookAgainMs, type Posting } from '../sending/final-flush.ts'
import { highWaterBytes } from '../sending/plain-sender.ts'
import { reportOf } from '../transports/failure.ts'
import { AckSchedule } from './ack-schedule.ts'
import { BatchPolicy, type BatchRuling } from './batch-policy.ts'
import { framesOf, lineBytes, linesOf, type Numbered } from './frames.ts'
import type { SendBuffer } from './send-buffer.ts'
import type { SessionSenderPort } from './sender-port.ts'
import type { Unacknowledged } from './unacknowledged.ts'

const answerMs = 3000
const frameBytes = 2 ** 16
const postBytes = 2 ** 18

/** The queue from which a link is written. */
export interface SendQueue<Out> {
  /** The next messages to write, and those kept until the server has acknowledged them. */
  readonly sent: Unacknowledged<Out>
  /** The messages that have no number yet. */
  readonly buffer: SendBuffer<Out>
  /** Called when there may be more to write. */
  pump(): void
}

/** Writes the messages of a session to the link that carries it, as frames or as requests, and the cursor when it is due. */
export class LinkWriter<Out> {
  readonly #port: SessionSenderPort<Out>
  readonly #queue: SendQueue<Out>
  readonly #batches = new BatchPolicy()
  readonly #acks: AckSchedule
  #link: Link | null = null
  #posting: Posting | null = null
  /** The stores named by the last POST that a server with another store refused; `null` if there was none. */
  #refusedStores: string | null = null
  /** When the server is asked what it has taken, after a failed request; `null` if none has failed. */
  #askAt: number | null = null
  /** The signal for all frames of a WebSocket: one for each would cost more than the frame. */
  #never: AbortSignal | null = null
  /** When an acknowledgment over a WebSocket is overdue. */
  #ackOverdueAt = Infinity
  /** When the full buffer of a WebSocket is checked again. */
  #lookAgainAt = Infinity

  constructor(port: SessionSenderPort<Out>, queue: SendQueue<Out>) {
    this.#port = port
    this.#queue = queue
    this.#acks = new AckSchedule(port.session)
  }

  attach(link: Link): void {
    this.#link = link
    this.#batches.attached()
    this.#acks.attached(link)
    this.#askAt = null
  }

  detach(): void {
    this.#posting?.controller.abort()
    this.#posting = null
    this.#link = null
    this.#acks.detached()
    this.#ackOverdueAt = this.#lookAgainAt = Infinity
  }

  /** Releases the link, after writing all that a WebSocket takes; returns it with the request in transit. */
  release(): { readonly link: Link | null; readonly posting: Posting | null } {
    const released = { link: this.#link, posting: this.#posting }
    const { link } = released
    this.#acks.hasten()
    if (link && !link.isPosting) while (this.#writeNext(link, 0)) {}
    this.#posting = null
    this.detach()
    return released
  }

  /** When `write()` has to be called, if nothing happens before. */
  dueAt(): number {
    const link = this.#link
    if (!link || this.#lookAgainAt < Infinity) return this.#lookAgainAt
    const ackAt = this.#posting ? Infinity : (this.#askAt ?? this.#acks.dueAt(link))
    return Math.min(this.#ackOverdueAt, ackAt)
  }

  /** Writes as much as the link takes now. */
  write(now: number): void {
    const link = this.#link
    while (link && link === this.#link && !this.#posting && this.#writeNext(link, now)) {}
    const isFull = link && !link.isPosting && link.bufferedBytes() >= highWaterBytes
    this.#lookAgainAt = isFull ? now + lookAgainMs : Infinity
    if (now < this.#ackOverdueAt) return
    this.#ackOverdueAt = now + this.#answerMs()
    this.#port.onAckOverdue()
  }

  /** The server has acknowledged all messages up to n. */
  acknowledged(n: number): void {
    const { host } = this.#port
    this.#batches.acknowledged(n)
    this.#ackOverdueAt = this.#queue.sent.isUnderWay && !this.#link?.isPosting ? host.now() + this.#answerMs() : Infinity
  }

  /** Something was read; returns whether the cursor is due now. */
  owesAck(): boolean {
    return !!this.#link && !this.#link.tellsCursor && this.#acks.owed(this.#port.host.now())
  }

  /** A call or a `flushed()` is pending: a polling client polls now. */
  askSoon(): void {
    if (this.#queue.sent.isUnderWay) this.#link?.pollNow?.()
  }

  /** The server closed a WebSocket because a frame was too large. */
  tooLarge(): void {
    if (this.#link && !this.#link.isPosting) this.#withdraw(this.#batches.tooLarge(frameBytes))
  }

  /** Writes one batch, or the cursor if it is due; returns whether there may be more. */
  #writeNext(link: Link, now: number): boolean {
    const { session } = this.#port
    const { sent } = this.#queue
    const { maxBytes } = this.#batches
    const asksFirst = this.#askAt !== null
    if (link.bufferedBytes() >= highWaterBytes || now < (this.#askAt ?? now)) return false
    // A narrowed batch is in transit alone, so that a refusal can only mean that batch (rule 10). The cursor does not wait for
    // it: the handler of that batch may be waiting for this client to read.
    const isHeldBack = maxBytes < Infinity && !link.isPosting && sent.isUnderWay
    const maxMessageBytes = session.opened?.maxMessageBytes ?? Infinity
    this.#queue.buffer.dropTooLarge(maxMessageBytes)
    const [ofLink, measure] = link.isPosting ? [postBytes, lineBytes] : [frameBytes]
    const batch = asksFirst || isHeldBack ? [] : sent.next(Math.min(ofLink, maxBytes, maxMessageBytes), measure)
    const owesAck = asksFirst || this.#acks.isDue(link, now)
    const [first] = batch
    if (!first && !owesAck) return false
    if (first) {
      this.#port.onSent()
      session.journal?.beforeNumbers(sent.last)
      this.#batches.written(first.n, batch.length, sent.lastBytes)
      if (!link.isPosting && this.#ackOverdueAt === Infinity) this.#ackOverdueAt = now + this.#answerMs()
    }
    if (owesAck || link.isPosting) this.#acks.sent(link, now)
    if (link.isPosting) this.#post(link, batch)
    else for (const frame of [...framesOf(batch), ...(owesAck ? [this.#ackFrame()] : [])]) this.#give(link, frame)
    return true
  }

  #ackFrame(): string {
    const { session } = this.#port
    session.journal?.beforeSend()
    return `a${session.cursor}`
  }

  #give(link: Link, frame: string | ArrayBuffer): void {
    const { onBroken } = this.#port
    try {
      this.#never ??= new AbortController().signal
      link.write(frame, this.#never)?.catch((error) => onBroken(reportOf(error, 'broken')))
    } catch (error) {
      onBroken(reportOf(error, 'broken'))
    }
  }

  #post(link: Link, batch: readonly Numbered[]): void {
    const { host, session } = this.#port
    const controller = new AbortController()
    const stores = session.stores.text
    const done = link.write(linesOf(batch).join('\n'), controller.signal)
    if (!done) return
    const posting = { controller, done }
    this.#posting = posting
    this.#askAt = null
    deliveredBy(posting, host.now() + this.#answerMs(), host)
      .then((delivery) => {
        if (this.#posting !== posting) return
        this.#posting = null
        if (delivery.outcome === 'sent') this.#passed(batch.length > 0)
        else {
          const report: Report = controller.signal.aborted ? { kind: 'silent' } : delivery.report
          if ('reason' in report && report.reason === 'another store') this.#refusedStores = stores
          this.#failed(report, batch.length > 0)
        }
      })
      .catch((error) => host.report(error))
  }

  #passed(hadBatch: boolean): void {
    // A refusal from before the session was opened anew is that of a server that was restarted with another store.
    if (this.#refusedStores === this.#port.session.stores.text) this.#port.onDivided()
    this.#obey(this.#batches.passed(hadBatch, this.#queue.sent.through))
  }

  #failed(report: Report, hadBatch: boolean): void {
    const { host, session } = this.#port
    const { sent } = this.#queue
    if (hadBatch) sent.rewind(Math.min(sent.through, this.#batches.from - 1))
    const ruling = this.#batches.failed(report, hadBatch, host.random())
    if (ruling.do === 'ask' && report.kind === 'silent') session.fellSilent()
    this.#obey(ruling)
  }

  #obey(ruling: BatchRuling): void {
    if (ruling.do === 'break') {
      this.#port.onBroken(ruling.report)
      return
    }
    this.#withdraw(ruling)
    if (ruling.do === 'ask') this.#askAt = this.#port.host.now() + ruling.delayMs
    this.#queue.pump()
  }

  /** Gives up messages that the server never accepts, if that is the ruling. */
  #withdraw(ruling: BatchRuling): void {
    const { buffer, sent } = this.#queue
    if (ruling.do === 'withdraw') buffer.lose(sent.withdraw(ruling.from, ruling.to), ruling.report)
  }

  /** The timeout of an answer, in milliseconds (rule 7). */
  #answerMs(): number {
    const { session, roundTripMs } = this.#port
    return Math.max(answerMs, 4 * roundTripMs()) + session.graceMs()
  }
}
