import type { Flushed } from '../api/calls.ts'
import type { Report } from '../api/evidence.ts'
import type { MessageSender, Unsent } from '../api/message-sender.ts'
import type { Link, Writable } from '../api/transport.ts'
import { valuesOf } from '../sending/final-flush.ts'
import type { Entry } from '../sending/outbox.ts'
import { nobodyWaits, type PendingCall } from '../sending/pending-call.ts'
import { bytesOf } from '../sending/plain-sender.ts'
import { isBlob } from '../util/type-tags.ts'
import { BlobReader } from './blob-reader.ts'
import { CallAnswers } from './call-answers.ts'
import type { CallSender } from './call-sender.ts'
import { lastWrite } from './last-write.ts'
import { LinkWriter, type SendQueue } from './link-writer.ts'
import { SendBuffer } from './send-buffer.ts'
import type { SessionSenderPort } from './sender-port.ts'
import type { KeptMessage } from './session-port.ts'
import { type Kept, Unacknowledged } from './unacknowledged.ts'

/** Sends in a session: numbers what it writes, keeps it until it is acknowledged, and writes it again where that is needed. */
export class SessionSender<Out> implements MessageSender<Out>, SendQueue<Out>, CallSender<Out> {
  /** What was numbered, and is kept until the server has settled it. */
  sent: Unacknowledged<Out>
  readonly answers = new CallAnswers<Out>()
  /** The server has ended a subscription. */
  onUnsubscribed: ((topic: string) => void) | null = null
  readonly #port: SessionSenderPort<Out>
  readonly #writer: LinkWriter<Out>
  readonly #buffer: SendBuffer<Out>
  #blobs: BlobReader<Out> | null = null
  #isToPump = false
  #isLeaving = false

  constructor(port: SessionSenderPort<Out>) {
    const { session } = port
    this.#port = port
    this.#buffer = new SendBuffer(port)
    this.sent = new Unacknowledged(this.#buffer.outbox)
    this.#writer = new LinkWriter(port, this)
    session.sent = this.sent
    session.port = {
      onGap: port.onGap,
      onCall: (json) => this.answers.received(json, (n) => this.sent.of(n)),
      onUnsubscribed: (topic) => this.onUnsubscribed?.(topic),
      isAwaited: () => this.sent.hasCalls || this.#buffer.isAwaited,
      onAcked: (n) => {
        this.sent.settle(n)
        this.#writer.acknowledged(n)
        this.#wakeWaiters()
        this.#pumpSoon()
      },
      onRewind: (n) => {
        this.sent.rewind(n)
        this.#pumpSoon()
      },
      onAckOwed: () => {
        if (this.#writer.owesAck()) this.#pumpSoon()
        else port.onDue()
      },
    }
  }

  /** Takes a message over; throws when the outbox may not. It leaves with all that is sent in the same task. */
  send(value: Out, data: Writable): void {
    const entry = this.#buffer.message(value, data)
    if (isBlob(data)) this.#blobReader().read(data, entry)
    this.#pumpSoon()
  }

  /** Sends a call, given as JSON, in order with the messages. */
  call(json: string, call: PendingCall, bytes: number): Entry<Out> {
    const entry = this.#buffer.call(json, call, bytes)
    this.#pumpSoon()
    return entry
  }

  /** Nobody waits for a call any more: returns its number if the server may have it; otherwise it will not be written. */
  withdrawCall(entry: Entry<Out>): number | undefined {
    return this.#buffer.outbox.remove(entry) ? undefined : this.sent.numberOf(entry)
  }

  /** Writes to this link from now on, beginning with what the server has not taken. */
  attach(link: Link): void {
    const { session, resends } = this.#port
    this.#writer.attach(link)
    this.sent.rewind(link.taken?.() ?? 0)
    if (!session.isResumed && !resends) this.withdraw(this.sent.first, Infinity, { kind: 'forgotten' })
    this.pump()
  }

  /** The link is gone. Nothing is lost by that: what it had taken is written again on the next. */
  detach(): readonly Out[] {
    this.#writer.detach()
    return []
  }

  /**
   * Goes on with what a client before has sent, before its own: it has the numbers from `first` on, and where it was not kept (`null`) they
   * are withdrawn. Nobody gave its values here: an `error` names what was sent instead, and `flushed()` waits for it as well.
   */
  restore(first: number, data: readonly (string | ArrayBuffer | null)[]): void {
    this.replace(
      first,
      data.map((each) => ({ data: each, value: each as Out })),
    )
  }

  /** Gives up what was numbered, for a session that goes on without it; returns what it was. */
  dropNumbered(): readonly Out[] {
    const dropped = valuesOf(this.sent.drain())
    this.#wakeWaiters()
    return dropped
  }

  /** Gives up everything, which another page has taken over: it may arrive from there. */
  handOver(): void {
    const unconfirmed = [...this.dropNumbered(), ...valuesOf(this.#buffer.outbox.drain())]
    this.#wakeWaiters()
    if (unconfirmed.length) this.#port.onLost({ unconfirmed }, { kind: 'hidden' })
  }

  /** A message that has its place already: it gets the next number at once, and is sent by the next `pump()`. */
  keep(value: Out, data: string | ArrayBuffer | null, isCall = false): void {
    this.sent.keep(keptOf(data, value, isCall))
  }

  /** Goes on with what another page has numbered, in place of all that is numbered here. */
  replace(first: number, messages: readonly (Pick<KeptMessage, 'data' | 'isCall'> & { readonly value: Out })[]): void {
    this.sent.drain()
    const kept = messages.map(({ value, data, isCall }) => keptOf(data, value, isCall))
    this.sent.restore(first, kept)
  }

  /** A new session. What the old one is still at its last write for is no part of it. */
  begin(): void {
    if (!this.#isLeaving) return
    this.sent = new Unacknowledged(this.#buffer.renew(), this.sent.last + 1)
    this.#port.session.sent = this.sent
  }

  /** When `pump()` has to be called, if nothing happens before. */
  dueAt(): number {
    return Math.min(this.#writer.dueAt(), this.#buffer.outbox.first?.expiresAt ?? Infinity)
  }

  /** Writes what can be written. */
  pump(): void {
    const { host, onDue } = this.#port
    this.#isToPump = false
    const now = host.now()
    this.#buffer.expire(now)
    this.#writer.write(now)
    this.#wakeWaiters()
    onDue()
  }

  /** Resolves when all sent so far is acknowledged, with what the server has refused of it. */
  async flushed(): Promise<Flushed<Out>> {
    const flushed = this.#buffer.flushed()
    this.pump()
    this.#writer.askSoon()
    await flushed
    return { refused: this.answers.takeRefused() }
  }

  /** There will be no connection: nobody need wait for one. What waits is kept, in case the application connects again. */
  giveUp(): void {
    const { outbox } = this.#buffer
    this.#buffer.refuse()
    this.#loseCalls()
    for (const entry of outbox.calls) outbox.remove(entry)
  }

  tooLarge(): void {
    this.#writer.tooLarge()
  }

  /** The end: one last write (`lastWrite`), which may outlive the client by 5 s, and the page. */
  async finish(close: (settled?: Promise<void>) => void, code = 1000, reason: string): Promise<Unsent<Out>> {
    const flushWaiters = this.#buffer.takeWaiters()
    this.#blobs?.stop()
    this.#loseCalls()
    const remainder = { ...this.#writer.release(), outbox: this.#buffer.outbox, sent: this.sent }
    this.#isLeaving = true
    const left = await lastWrite(remainder, this.#port, close, { code, reason })
    this.#isLeaving = false
    if (left.unsent.length || left.unconfirmed.length) flushWaiters.refuse()
    else flushWaiters.settle(Infinity)
    return left
  }

  /** Drops what comes next if the server would not take it; returns how large that may be, so that what is behind comes next too. */
  dropTooLarge(): number {
    const most = this.#port.session.opened?.maxMessageBytes ?? Infinity
    const { outbox } = this.#buffer
    for (let { first } = outbox; first && first.bytes > most; { first } = outbox) {
      outbox.shift()
      this.#buffer.lose([first], { kind: 'too-large' })
    }
    return most
  }

  /** Withdraws messages that never pass. */
  withdraw(from: number, to: number, report: Report): void {
    this.#buffer.lose(this.sent.withdraw(from, to), report)
  }

  #blobReader(): BlobReader<Out> {
    this.#blobs ??= new BlobReader({
      ...this.#port,
      onRead: () => this.#pumpSoon(),
      onUnreadable: (entry, report) => {
        if (this.#buffer.outbox.remove(entry)) this.#buffer.lose([entry], report)
      },
    })
    return this.#blobs
  }

  /** Nobody will be there to hear an answer. */
  #loseCalls(): void {
    for (const { call } of [...this.#buffer.outbox.calls, ...this.sent.entries]) call?.lost('closed')
  }

  #wakeWaiters(): void {
    this.#buffer.settle(this.sent.oldest)
  }

  #pumpSoon(): void {
    if (this.#isToPump) return
    this.#isToPump = true
    Promise.resolve()
      .then(() => this.pump())
      .catch((error) => this.#port.host.report(error))
  }
}

/** What has a number; its value is what the application gave, or its data where only those are known. */
function keptOf<Out>(data: string | ArrayBuffer | null, value: Out, isCall = false): Kept<Out> {
  const entry = { value, data: data ?? '', bytes: data === null ? 0 : bytesOf(data), n: 0, expiresAt: Infinity }
  return { entry: isCall ? { ...entry, call: nobodyWaits } : entry, data }
}
