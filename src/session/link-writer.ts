import type { Report } from '../api/evidence.ts'
import type { Link } from '../api/transport.ts'
import { deliveredBy, lookAgainMs, type Posting } from '../sending/final-flush.ts'
import { highWaterBytes } from '../sending/plain-sender.ts'
import { reportOf } from '../transports/failure.ts'
import { AckSchedule } from './ack-schedule.ts'
import { BatchPolicy, type BatchRuling } from './batch-policy.ts'
import { framesOf, lineBytes, linesOf, type Numbered } from './frames.ts'
import type { SessionSenderPort } from './sender-port.ts'
import type { Unacknowledged } from './unacknowledged.ts'

const answerMs = 3000
const frameBytes = 2 ** 16
const postBytes = 2 ** 18

/** What a link is written from. */
export interface SendQueue<Out> {
  /** What is written next, and kept until the server has settled it. */
  readonly sent: Unacknowledged<Out>
  /** Drops the messages at the front that the server would not take; returns how large one may be, in bytes. */
  dropTooLarge(): number
  /** Withdraws messages that never pass. */
  withdraw(from: number, to: number, report: Report): void
  /** There may be more to write. */
  pump(): void
}

/** Writes what a session has to send to the link that carries it, as frames or as requests, with the cursor where that is due. */
export class LinkWriter<Out> {
  readonly #port: SessionSenderPort<Out>
  readonly #queue: SendQueue<Out>
  readonly #batches = new BatchPolicy()
  readonly #acks: AckSchedule
  #link: Link | null = null
  #posting: Posting | null = null
  /** When the server is asked what it has taken, after a request that failed; `null` where none did. */
  #askAt: number | null = null
  /** What a WebSocket is given with its frames: a signal for each would cost more than the frame. */
  #never: AbortSignal | null = null
  /** When an acknowledgment of what a WebSocket was given is overdue. */
  #ackOverdueAt = Infinity
  /** When a WebSocket with too much in its buffer is looked at again. */
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

  /** Lets the link go after all that a WebSocket takes was written to it; returns it with the request that is on its way. */
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

  /** Writes what the link takes now. */
  write(now: number): void {
    const link = this.#link
    while (link && link === this.#link && !this.#posting && this.#writeNext(link, now)) {}
    const isFull = link && !link.isPosting && link.bufferedBytes() >= highWaterBytes
    this.#lookAgainAt = isFull ? now + lookAgainMs : Infinity
    if (now < this.#ackOverdueAt) return
    this.#ackOverdueAt = now + this.#answerMs()
    this.#port.onAckOverdue()
  }

  /** The server has settled everything up to n. */
  acknowledged(n: number): void {
    const { host } = this.#port
    this.#batches.acknowledged(n)
    this.#ackOverdueAt = this.#queue.sent.isUnderWay && !this.#link?.isPosting ? host.now() + this.#answerMs() : Infinity
  }

  /** Something was taken; returns whether the server has to hear of it now. */
  owesAck(): boolean {
    return !!this.#link && !this.#link.tellsCursor && this.#acks.owed(this.#port.host.now())
  }

  /** Somebody waits for what is under way: a client that polls asks for it now. */
  askSoon(): void {
    if (this.#queue.sent.isUnderWay && !this.#posting) this.#link?.pollNow?.()
  }

  /** The server ended a WebSocket because of a frame. */
  tooLarge(): void {
    if (this.#link && !this.#link.isPosting) this.#withdraw(this.#batches.tooLarge(frameBytes))
  }

  /** Writes one batch, or the cursor where it is due; returns whether there may be more. */
  #writeNext(link: Link, now: number): boolean {
    const { sent } = this.#queue
    const { maxBytes } = this.#batches
    const asksFirst = this.#askAt !== null
    if (link.bufferedBytes() >= highWaterBytes || now < (this.#askAt ?? now)) return false
    // A narrowed batch is alone under way, so that a refusal can mean no other (rule 10). The cursor does not wait for it: the handler
    // of that batch may be waiting for this client to have read.
    const isHeldBack = maxBytes < Infinity && !link.isPosting && sent.isUnderWay
    const maxMessageBytes = this.#queue.dropTooLarge()
    const [ofLink, measure] = link.isPosting ? [postBytes, lineBytes] : [frameBytes]
    const batch = asksFirst || isHeldBack ? [] : sent.next(Math.min(ofLink, maxBytes, maxMessageBytes), measure)
    const owesAck = asksFirst || this.#acks.isDue(link, now)
    const [first] = batch
    if (!first && !owesAck) return false
    if (first) {
      this.#port.onSent()
      this.#port.session.journal?.beforeNumbers(sent.last)
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
    session.journal?.beforeTold()
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
    const { host } = this.#port
    const controller = new AbortController()
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
        else this.#failed(controller.signal.aborted ? { kind: 'silent' } : delivery.report, batch.length > 0)
      })
      .catch((error) => host.report(error))
  }

  #passed(hadBatch: boolean): void {
    if (this.#batches.hasMetOtherStore) this.#port.onDivided()
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

  #withdraw(ruling: BatchRuling): void {
    if (ruling.do === 'withdraw') this.#queue.withdraw(ruling.from, ruling.to, ruling.report)
  }

  /** How long an answer may take (rule 7). */
  #answerMs(): number {
    const { session, roundTripMs } = this.#port
    return Math.max(answerMs, 4 * roundTripMs()) + session.graceMs()
  }
}
