import type { Flushed } from '../api/calls.ts'
import type { MessageSender, Unsent } from '../api/message-sender.ts'
import type { Link, Writable } from '../api/transport.ts'
import { valuesOf } from '../sending/final-flush.ts'
import type { Entry } from '../sending/outbox.ts'
import { nobodyWaits, type PendingCall } from '../sending/pending-call.ts'
import { bytesOf } from '../util/bytes-of.ts'
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

/** The sender of a session: numbers messages as it writes them, keeps them until they are acknowledged, and writes them again. */
export class SessionSender<Out> implements MessageSender<Out>, SendQueue<Out>, CallSender<Out> {
  /** The numbered messages that are not acknowledged yet. */
  sent: Unacknowledged<Out>
  /** The messages that have no number yet. */
  readonly buffer: SendBuffer<Out>
  readonly answers = new CallAnswers<Out>()
  /** Called when the server has ended a subscription. */
  onUnsubscribed: CallSender<Out>['onUnsubscribed'] = null
  readonly #port: SessionSenderPort<Out>
  readonly #writer: LinkWriter<Out>
  #blobs: BlobReader<Out> | null = null
  /** Whether a microtask that calls `pump()` is pending. */
  #isToPump = false
  /** Whether the last write of the closed client is under way. */
  #isLeaving = false

  constructor(port: SessionSenderPort<Out>) {
    const { session } = port
    this.#port = port
    this.buffer = new SendBuffer(port)
    this.sent = new Unacknowledged(this.buffer.outbox)
    this.#writer = new LinkWriter(port, this)
    session.sent = this.sent
    session.port = {
      onGap: port.onGap,
      onCall: (json) => this.answers.received(json, (n) => this.sent.answered(n)),
      onUnsubscribed: (topic) => this.onUnsubscribed?.(topic),
      isAwaited: () => this.sent.entries.some(({ call }) => call) || !this.buffer.waiters.isEmpty,
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

  /** Queues a message; throws if the outbox is full. All messages of one task are written together. */
  send(value: Out, data: Writable): void {
    const entry = this.buffer.message(value, data)
    if (isBlob(data)) this.#blobReader().read(data, entry)
    this.#pumpSoon()
  }

  /** Sends a call, given as JSON, in order with the messages. */
  call(json: string, call: PendingCall, bytes: number): Entry<Out> {
    const entry = this.buffer.call(json, call, bytes)
    this.#pumpSoon()
    return entry
  }

  /** As `CallSender.withdrawCall`. */
  withdrawCall(entry: Entry<Out>, abort: (n: number) => void): void {
    const n = this.buffer.outbox.remove(entry) ? undefined : this.sent.numberOf(entry)
    if (n !== undefined) abort(n)
  }

  /** Writes to this link from now on, beginning with what the server has not taken. */
  attach(link: Link): void {
    const { session, resends } = this.#port
    this.#writer.attach(link)
    this.sent.rewind(link.taken?.() ?? 0)
    if (!session.isResumed && !resends) this.buffer.lose(this.sent.withdraw(this.sent.first, Infinity), { kind: 'forgotten' })
    this.pump()
  }

  /** The link is gone. No message is lost: those in transit are written again to the next link. */
  detach(): readonly Out[] {
    this.#writer.detach()
    return []
  }

  /** Drops the numbered messages, for a session that continues without them; returns their values. */
  dropNumbered(): readonly Out[] {
    const dropped = valuesOf(this.sent.drain())
    this.#wakeWaiters()
    return dropped
  }

  /** Drops all messages, which another page has taken over: it may deliver them. */
  handOver(): void {
    const unconfirmed = [...this.dropNumbered(), ...valuesOf(this.buffer.outbox.drain())]
    this.#wakeWaiters()
    if (unconfirmed.length) this.#port.onLost({ unconfirmed }, { kind: 'hidden' })
  }

  /** Gives a message the next number at once, without the outbox; the next `pump()` writes it. */
  keep(value: Out, data: string | ArrayBuffer | null, isCall = false): void {
    this.sent.keep(keptOf(data, value, isCall))
  }

  /**
   * Replaces all numbered messages by those of a former client or another page, which have the numbers from `first` on and precede
   * this client's own; those without data (`null`) are withdrawn. If the application's values are unknown, an `error` names the
   * data instead. `flushed()` waits for them as well.
   */
  replace(first: number, messages: readonly (Pick<KeptMessage, 'data' | 'isCall'> & { readonly value?: Out })[]): void {
    this.sent.drain()
    const kept = messages.map(({ value, data, isCall }) => keptOf(data, value, isCall))
    this.sent.restore(first, kept)
  }

  /** Begins a new session, without the messages of the old one's last write. */
  begin(): void {
    if (!this.#isLeaving) return
    this.sent = new Unacknowledged(this.buffer.renew(), this.sent.last + 1)
    this.#port.session.sent = this.sent
  }

  /** When `pump()` has to be called, if nothing happens before. */
  dueAt(): number {
    return Math.min(this.#writer.dueAt(), this.buffer.outbox.first?.expiresAt ?? Infinity)
  }

  /** Writes what can be written. */
  pump(): void {
    const { host, onDue } = this.#port
    this.#isToPump = false
    const now = host.now()
    this.buffer.expire(now)
    this.#writer.write(now)
    this.#wakeWaiters()
    onDue()
  }

  /** Resolves when all messages sent so far are acknowledged, with those that the server has refused. */
  async flushed(): Promise<Flushed<Out>> {
    const flushed = this.buffer.flushed()
    this.pump()
    this.#writer.askSoon()
    await flushed
    return { refused: this.answers.takeRefused() }
  }

  /** There will be no connection: rejects pending calls and flushed(), keeps messages in case the client reconnects. */
  giveUp(): void {
    const { outbox } = this.buffer
    this.buffer.waiters.refuse()
    this.#loseCalls()
    this.sent.withdrawCalls()
    for (const entry of outbox.calls) outbox.remove(entry)
  }

  tooLarge(): void {
    this.#writer.tooLarge()
  }

  /** Ends with one last write (`lastWrite`), which may outlive the client by 5 s, and the page. */
  async finish(close: (settled?: Promise<void>) => void, code = 1000, reason: string): Promise<Unsent<Out>> {
    const flushWaiters = this.buffer.takeWaiters()
    this.#blobs?.stop()
    this.#loseCalls()
    const remainder = { ...this.#writer.release(), outbox: this.buffer.outbox, sent: this.sent }
    this.#isLeaving = true
    const left = await lastWrite(remainder, this.#port, close, { code, reason })
    this.#isLeaving = false
    if (left.unsent.length || left.unconfirmed.length) flushWaiters.refuse()
    else flushWaiters.settle(Infinity)
    return left
  }

  #blobReader(): BlobReader<Out> {
    this.#blobs ??= new BlobReader({
      ...this.#port,
      onRead: () => this.#pumpSoon(),
      onUnreadable: (entry, report) => {
        if (this.buffer.outbox.remove(entry)) this.buffer.lose([entry], report)
      },
    })
    return this.#blobs
  }

  /** Rejects the calls that are still waiting for an answer. */
  #loseCalls(): void {
    for (const { call } of [...this.buffer.outbox.calls, ...this.sent.entries]) call?.lost('closed')
  }

  #wakeWaiters(): void {
    this.buffer.settle(this.sent.oldest)
  }

  #pumpSoon(): void {
    if (this.#isToPump) return
    this.#isToPump = true
    Promise.resolve()
      .then(() => this.pump())
      .catch((error) => this.#port.host.report(error))
  }
}

/** A numbered message; its value is the application's, or its data if only that is known. */
function keptOf<Out>(data: string | ArrayBuffer | null, value = data as Out, isCall = false): Kept<Out> {
  const entry = { value, data: data ?? '', bytes: data === null ? 0 : bytesOf(data), n: 0, expiresAt: Infinity }
  return { entry: isCall ? { ...entry, call: nobodyWaits } : entry, data }
}
