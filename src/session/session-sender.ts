import type { Report } from '../api/evidence.ts'
import type { MessageSender, SenderPort, Unsent } from '../api/message-sender.ts'
import type { Delivery, Link, Writable } from '../api/transport.ts'
import { rulingOf } from '../diagnosis/verdicts.ts'
import { deliveredBy, lastWriteMs, lookAgainMs, type Posting, unlessLeaving, valuesOf } from '../sending/final-flush.ts'
import { FlushWaiters } from '../sending/flush-waiters.ts'
import { type Entry, Outbox } from '../sending/outbox.ts'
import { bytesOf, highWaterBytes } from '../sending/plain-sender.ts'
import { reportOf } from '../transports/failure.ts'
import { retryPauseMs } from '../transports/poll-loop.ts'
import { isBlob, nameOf } from '../util/type-tags.ts'
import { within } from '../util/within.ts'
import { codes } from '../wire/steadfast-v1.ts'
import { framesOf, lineBytes, linesOf, type Numbered } from './frames.ts'
import { ackBytes, type SessionState } from './session-state.ts'
import { Unacknowledged } from './unacknowledged.ts'

const ackAfterMs = 1000
const answerMs = 3000
const frameBytes = 2 ** 16
const postBytes = 2 ** 18
/** What the last request may bring, so that beside the hello it still fits one with `keepalive`. */
const farewellBytes = 2 ** 15

export interface SessionSenderPort<Out> extends SenderPort<Out> {
  readonly session: SessionState
  /** Whether a server that has lost the session is sent again what it never settled. */
  readonly resends: boolean
  /** Sends the last frames by a request of its own, where no link can; `null` where the server does not know the session. */
  postLast(lines: string, signal: AbortSignal): Promise<Delivery> | null | undefined
}

/** Sends in a session: numbers what it writes, keeps it until it is acknowledged, and writes it again where that is needed. */
export class SessionSender<Out> implements MessageSender<Out> {
  readonly #port: SessionSenderPort<Out>
  #outbox: Outbox<Out>
  #sent: Unacknowledged<Out>
  #flushWaiters = new FlushWaiters()
  #link: Link | null = null
  #lastOrder = 0
  /** Halved each time the server calls a batch too large, until it acknowledges one. */
  #mostBytes = Infinity
  #lastBatch = { from: 0, to: 0, bytes: 0 }
  #posting: Posting | null = null
  /** Requests that failed in a row, and how often the last batch was among them. */
  #failures = 0
  #refusals = 0
  #lastFailure: Report = { kind: 'silent' }
  /** When the server is asked what it has taken, after a request that failed; `null` where none did. */
  #askAt: number | null = null
  /** What a socket is given with its frames: one of its own for each would cost more than the frame. */
  #never: AbortSignal | null = null
  /** Aborted when it is of no use any more that a `Blob` is read. */
  #reading: AbortController | null = null
  /** When the cursor has to be told at the latest. */
  #ackAt = Infinity
  #doubtAt = Infinity
  #lookAgainAt = Infinity
  #isToConfirm = false
  #isToPump = false
  #isLeaving = false
  #onSettled: (() => void) | null = null

  constructor(port: SessionSenderPort<Out>) {
    const { session, host, limits } = port
    this.#port = port
    this.#outbox = new Outbox(limits)
    this.#sent = new Unacknowledged(this.#outbox)
    session.sent = this.#sent
    session.port = {
      onGap: port.onGap,
      onAcked: (n) => {
        this.#sent.settle(n)
        if (n >= this.#lastBatch.to) this.#mostBytes = Infinity
        this.#doubtAt = this.#sent.isUnderWay && !this.#link?.isPosting ? host.now() + this.#answerMs() : Infinity
        if (!this.#sent.isUnderWay) this.#onSettled?.()
        this.#wake()
        this.#pumpSoon()
      },
      onBack: (n) => {
        this.#sent.back(n)
        this.#pumpSoon()
      },
      onOwing: () => {
        if (!this.#link || this.#link.tellsCursor) return
        const isMuch = session.owedBytes >= ackBytes
        this.#ackAt = Math.min(this.#ackAt, isMuch ? 0 : host.now() + ackAfterMs)
        if (isMuch) this.#pumpSoon()
        else port.onDue()
      },
    }
  }

  /** Takes a message over; throws when the outbox may not. It leaves with all that is sent in the same task. */
  send(value: Out, data: Writable): void {
    const { host, ttlMs } = this.#port
    const written = typeof data === 'string' ? wellFormed(data) : data
    const entry = {
      value,
      data: written,
      bytes: bytesOf(written),
      n: this.#lastOrder + 1,
      expiresAt: host.now() + ttlMs,
    }
    const dropped = this.#outbox.push(entry)
    this.#lastOrder += 1
    this.#lose(valuesOf(dropped), { kind: 'overflow' })
    if (isBlob(written)) this.#read(written, entry)
    this.#pumpSoon()
  }

  /** What is behind a `Blob` waits until it has been read, so that may not take for ever. */
  #read(blob: Blob, entry: Entry<Out>): void {
    const { host, writeTimeoutMs } = this.#port
    const outbox = this.#outbox
    this.#reading ??= new AbortController()
    within(blob.arrayBuffer(), writeTimeoutMs, host, readTooLate, this.#reading.signal).then(
      (bytes) => {
        if (bytes) entry.data = bytes
        this.#pumpSoon()
      },
      (error: unknown) => {
        // Nobody can read it any more: it must not hold up what comes after it.
        if (outbox.remove(entry)) this.#lose([entry.value], { kind: 'unreadable', detail: nameOf(error) })
        this.#pumpSoon()
      },
    )
  }

  /** Writes to this link from now on, beginning with what the server has not taken. */
  attach(link: Link): void {
    const { session, resends } = this.#port
    this.#link = link
    this.#lastFailure = { kind: 'silent' }
    this.#failures = this.#refusals = 0
    this.#askAt = null
    this.#sent.back(link.taken?.() ?? 0)
    if (!session.isResumed && !resends)
      this.#lose(valuesOf(this.#sent.withdraw(this.#sent.first, Infinity)), { kind: 'forgotten' })
    // A request has to name the turn; over a socket it was told, and the hello told the cursor.
    this.#isToConfirm = !!link.isPosting
    this.#ackAt = session.owedBytes ? 0 : Infinity
    this.pump()
  }

  /** The link is gone. Nothing is lost by that: what it had taken is written again on the next. */
  detach(): readonly Out[] {
    this.#posting?.controller.abort()
    this.#posting = null
    this.#link = null
    this.#ackAt = this.#doubtAt = this.#lookAgainAt = Infinity
    return []
  }

  /** A new session. What the old one is still at its last write for is no part of it. */
  begin(): void {
    const { session, limits } = this.#port
    if (!this.#isLeaving) return
    this.#outbox = new Outbox(limits)
    this.#sent = new Unacknowledged(this.#outbox, this.#sent.last + 1)
    session.sent = this.#sent
  }

  /** When `pump()` has something to do without being told. */
  dueAt(): number {
    const tellAt = this.#askAt ?? (this.#link?.tellsCursor ? Infinity : this.#ackAt)
    const waits = [this.#doubtAt, this.#posting ? Infinity : tellAt]
    const isStuck = this.#lookAgainAt < Infinity
    return Math.min(this.#lookAgainAt, ...(this.#link && !isStuck ? waits : []), this.#outbox.first?.expiresAt ?? Infinity)
  }

  /** Writes what can be written. */
  pump(): void {
    const { host, onDue, onAckOverdue } = this.#port
    this.#isToPump = false
    const now = host.now()
    this.#lose(valuesOf(this.#outbox.expire(now)), { kind: 'expired' })
    const link = this.#link
    while (link && link === this.#link && !this.#posting && this.#writeNext(link, now)) {}
    const isStuck = link && !link.isPosting && link.bufferedBytes() >= highWaterBytes
    this.#lookAgainAt = isStuck ? now + lookAgainMs : Infinity
    if (now >= this.#doubtAt) {
      this.#doubtAt = now + this.#answerMs()
      onAckOverdue()
    }
    this.#wake()
    onDue()
  }

  /** Resolves when all sent so far is acknowledged. */
  flushed(): Promise<void> {
    const flushed = this.#flushWaiters.add(this.#lastOrder)
    this.pump()
    return flushed
  }

  /** There will be no connection: nobody need wait for one. What waits is kept, in case the application connects again. */
  giveUp(): void {
    this.#flushWaiters.refuse()
  }

  /**
   * The end: one last write, which may outlive the client by 5 s, and the page. Without a link the end is posted. What the server has not
   * acknowledged by then is unconfirmed, and never sent again.
   */
  async finish(close: (settled?: Promise<void>) => void, code: number | undefined, reason: string): Promise<Unsent<Out>> {
    const { host, session, isPageLeaving, postLast } = this.#port
    const { id } = session
    const link = this.#link
    const outbox = this.#outbox
    const sent = this.#sent
    const until = host.now() + lastWriteMs
    const posting = this.#posting
    const flushWaiters = this.#flushWaiters
    this.#flushWaiters = new FlushWaiters()
    this.#reading?.abort()
    this.#reading = null
    if (session.owedBytes) this.#ackAt = 0
    const isSocket = !!link && !link.isPosting
    if (isSocket) while (this.#writeNext(link, 0)) {}
    this.#posting = null
    this.detach()
    this.#isLeaving = true
    const mayPost = link?.isPosting || (session.isOn && (!link || isSocket))
    let isGoing = isPageLeaving()
    let hasArrived = !!link && !isSocket
    const last = isSocket
      ? sent.isUnderWay && this.#settledWithin(until)
      : posting &&
        deliveredBy(posting, until, host).then(({ outcome }) => {
          hasArrived = outcome === 'sent'
        })
    const settled = last && !isGoing ? unlessLeaving(last, host) : undefined
    close(isSocket && settled ? settled.then(nothing) : undefined)
    if (settled) isGoing = await settled
    // A page that goes away may take a socket's last frames with it, and the request on its way. A hello would name the new session,
    // where there is one by now.
    if (mayPost && (isGoing || !isSocket) && session.id === id) {
      if (isGoing || !hasArrived) sent.back(0)
      const lines = sent.nextBytes <= farewellBytes ? linesOf(sent.next(farewellBytes, lineBytes)) : []
      const body = [...lines, `x${JSON.stringify({ code: code ?? 1000, reason })}`].join('\n')
      const controller = new AbortController()
      const done = link?.isPosting ? link.write(body, controller.signal, true) : postLast(body, controller.signal)
      const told = done && deliveredBy({ controller, done }, until, host)
      // Without a link the answer may never come: it is waited for where it can still confirm something.
      if (link || sent.oldest) await told
    }
    this.#isLeaving = false
    const left = { unsent: valuesOf(outbox.drain()), unconfirmed: valuesOf(sent.drain()) }
    if (left.unsent.length || left.unconfirmed.length) flushWaiters.refuse()
    else flushWaiters.settle(Infinity)
    return left
  }

  /** Writes one batch, or the cursor where it has to be told; returns whether there may be more. */
  #writeNext(link: Link, now: number): boolean {
    const isAsking = this.#askAt !== null
    if (link.bufferedBytes() >= highWaterBytes || now < (this.#askAt ?? now)) return false
    // A probe is alone under way, so that a refusal can mean no other (rule 10).
    if (this.#mostBytes < Infinity && !link.isPosting && this.#sent.isUnderWay) return false
    const most = this.#dropTooLarge()
    const [ofLink, measure] = link.isPosting ? [postBytes, lineBytes] : [frameBytes]
    const batch = isAsking ? [] : this.#sent.next(Math.min(ofLink, this.#mostBytes, most), measure)
    const owesAck = isAsking || this.#isToConfirm || (now >= this.#ackAt && !link.tellsCursor)
    if (!batch.length && !owesAck) return false
    const [first] = batch
    if (first) {
      this.#port.onCarried()
      this.#lastBatch = { from: first.n, to: first.n + batch.length - 1, bytes: this.#sent.lastBytes }
    }
    if (first && !link.isPosting && this.#doubtAt === Infinity) this.#doubtAt = now + this.#answerMs()
    if (owesAck || link.isPosting) this.#told(link, now)
    if (link.isPosting) this.#post(link, batch)
    else for (const frame of [...framesOf(batch), ...(owesAck ? [`a${this.#port.session.cursor}`] : [])]) this.#give(link, frame)
    return true
  }

  /** The cursor is told: by a frame, or in the hello of a request. Where nothing moves, a stream's client still has to be heard of. */
  #told(link: Link, now: number): void {
    const { session } = this.#port
    session.owedBytes = 0
    this.#isToConfirm = false
    this.#ackAt = link.isPosting && session.opened ? now + 2.5 * session.opened.heartbeatMs : Infinity
  }

  #give(link: Link, frame: string | ArrayBuffer): void {
    try {
      this.#never ??= new AbortController().signal
      link.write(frame, this.#never)?.catch((error) => this.#port.onBroken(reportOf(error, 'broken')))
    } catch (error) {
      this.#port.onBroken(reportOf(error, 'broken'))
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

  /** A request passed. Where one before it did not, its answer has told what the server has taken of that. */
  #passed(hasBatch: boolean): void {
    this.#failures = 0
    if (this.#lastFailure.kind === 'closed' && this.#lastFailure.reason === 'another store') this.#port.onDivided()
    const { from, to } = this.#lastBatch
    // It answers, and takes nothing: once more at once, and then behind the waits of a reconnect.
    if (hasBatch && this.#sent.through < from) {
      this.#refusals += 1
      if (this.#refusals > 1)
        this.#port.onBroken({ kind: 'closed', code: codes.internal, reason: 'nothing is taken', wasClean: true })
      else this.pump()
      return
    }
    const isRefused = wasRefused(this.#lastFailure)
    if (hasBatch || this.#sent.through >= from) {
      this.#refusals = 0
      this.#mostBytes ||= Infinity
    } else if ((isRefused && from < to) || this.#refusals >= (isRefused ? 2 : 5)) this.#halve(this.#lastFailure)
    // Once more, and alone: what might join it may be to blame another time.
    else this.#mostBytes = 0
    this.pump()
  }

  /** A request failed. The next one carries nothing: where that passes, it is what this one carried that does not. */
  #failed(report: Report, hasBatch: boolean): void {
    const { host, session, onBroken } = this.#port
    if (hasBatch) {
      this.#sent.back(Math.min(this.#sent.through, this.#lastBatch.from - 1))
      this.#refusals += 1
      this.#lastFailure = report
    }
    this.#failures += 1
    const delayMs = retryPauseMs(report, this.#failures, host.random())
    if (isTooLarge(report)) this.#halve({ kind: 'too-large' })
    else if (delayMs === null) {
      onBroken(report)
      return
    } else {
      if (report.kind === 'silent') session.fellSilent()
      this.#askAt = host.now() + delayMs
    }
    this.pump()
  }

  /** The server hung up a socket because of what it was given: of the frames under way any may be meant, until one is sent alone. */
  tooLarge(): void {
    if (!this.#link || this.#link.isPosting) return
    if (this.#mostBytes < Infinity) this.#halve({ kind: 'too-large' })
    else this.#mostBytes = frameBytes / 2
  }

  /** The last batch does not pass: less at once, and a single message never again (rule 10). */
  #halve(report: Report): void {
    const { from, to, bytes } = this.#lastBatch
    this.#refusals = 0
    this.#mostBytes = from === to ? Infinity : bytes / 2
    if (from === to) this.#lose(valuesOf(this.#sent.withdraw(from, to)), report)
  }

  /** Drops what comes next if the server would not take it; returns how large that may be, so that what is behind comes next too. */
  #dropTooLarge(): number {
    const most = this.#port.session.opened?.maxMessageBytes ?? Infinity
    for (let first = this.#outbox.first; first && first.bytes > most; first = this.#outbox.first) {
      this.#outbox.shift()
      this.#lose([first.value], { kind: 'too-large' })
    }
    return most
  }

  /** How long an answer may take (rule 7). */
  #answerMs(): number {
    const { session, roundTripMs } = this.#port
    return Math.max(answerMs, 4 * roundTripMs()) + session.slackMs()
  }

  #lose(undelivered: readonly Out[], report: Report): void {
    if (undelivered.length) this.#port.onLost({ undelivered }, report)
  }

  #wake(): void {
    const oldest = this.#sent.oldest ?? this.#outbox.first
    this.#flushWaiters.settle(oldest ? oldest.n - 1 : this.#lastOrder)
  }

  #pumpSoon(): void {
    if (this.#isToPump) return
    this.#isToPump = true
    Promise.resolve()
      .then(() => this.pump())
      .catch((error) => this.#port.host.report(error))
  }

  #settledWithin(until: number): Promise<void> {
    const { host } = this.#port
    return new Promise((resolve) => {
      const cancelLimit = host.after(until - host.now(), resolve)
      this.#onSettled = () => {
        cancelLimit()
        resolve()
      }
    })
  }
}

function nothing(): void {}

function readTooLate(): never {
  throw Object.assign(new Error(), { name: 'TimeoutError' })
}

function isTooLarge(report: Report): boolean {
  return report.kind === 'closed' && report.code === codes.tooLarge
}

/** Whether something on the way does not like what it saw. A gateway that answers in place of a server loses messages at random. */
function wasRefused(report: Report): boolean {
  return report.kind === 'answered' && rulingOf(`http.${report.status}`, false).verdict !== 'retry'
}

/** A lone surrogate has no UTF-8: what stands in its place is put there now, so that all ways of writing it agree (rule 17). */
function wellFormed(text: string): string {
  return /[\ud800-\udfff]/.test(text)
    ? new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(text))
    : text
}
