import { countIn, countOf, must } from '../wire/readers.ts'
import { codes, type Hello, type OpenFrame } from '../wire/steadfast-v1.ts'
import { cut } from './frames.ts'
import { Grace } from './grace.ts'
import { HeldAck } from './held-ack.ts'
import { readOpenFrame } from './open-frame.ts'
import type { FrameListener, SentNumbers, SessionJournal, SessionPort, SessionSharing } from './session-port.ts'
import { StoreHistory } from './store-history.ts'
import { type AnnounceFrame, type GapFrame, StreamCursors, type WithdrawFrame } from './stream-cursors.ts'
import { type FrameTarget, readTextFrame } from './text-frames.ts'

/** So many bytes are acknowledged at once. Rarer acknowledgments cost the server memory; each costs a page some 100 µs. */
export const ackBytes = 2 ** 20

/**
 * The client's half of a session (docs/PROTOCOL.md): how far it has read each stream, and what the server has acknowledged. It
 * knows no socket and no clock: the frames of all attachments meet here, whichever of them carries the connection.
 */
export class SessionState {
  id: string
  /** The number of the last decision which attachment carries the session. */
  turn = 0
  /** The last `open` frame. */
  opened: OpenFrame | null = null
  /** Whether that frame resumed the session of the one before. */
  isResumed = false
  sent: SentNumbers = { first: 1, last: 0, bytesUnderWay: 0 }
  /** Counts progress: messages read or missed, and acknowledgments. */
  moves = 0
  /** Bytes read since the cursor was last sent. */
  owedBytes = 0
  port: SessionPort | null = null
  journal: SessionJournal | null = null
  /** What is shared with other pages that have this session. */
  readonly shared: SessionSharing = { copies: null, cursor: null, isKept: false }
  /** Messages up to this number were written in a former life of the session, which may have handled them. */
  before = 0
  /** `before`: the last `k` of the former client, whose session continues here (snapshot.ts); `reached`: the highest `k` sent. */
  readonly dials = { before: 0, reached: 0 }
  #hasRenewed = false
  #isOver = false
  readonly stores = new StoreHistory()
  readonly streams = new StreamCursors()
  readonly #grace = new Grace()
  readonly #heldAck = new HeldAck()

  readonly #frames: FrameTarget = {
    open: (json, listener) => this.#open(json, listener),
    take: (stream, offset, data, listener) => this.#take(stream, offset, data, listener),
    call: (stream, offset, json) => this.#takeCall(stream, offset, json),
    acked: (n, answeredAt) => this.#acked(n, answeredAt),
    rewind: (n) => this.port?.onRewind(n),
    subscribed: (json) => this.#subscribed(json),
    unsubscribed: (json) => this.#unsubscribed(json),
    missed: (json) => this.#missed(json),
    coming: (bytes) => this.#grace.coming(bytes),
  }

  constructor(id: string) {
    this.id = id
  }

  /** Whether the server has opened the session, and it has not ended. */
  get isOn(): boolean {
    return this.opened !== null && !this.#isOver
  }

  get cursor(): string {
    return this.shared.cursor?.() ?? this.streams.text
  }

  hello(dial: number, more: Partial<Hello>): Hello {
    const k = this.dials.before + dial
    this.dials.reached = Math.max(this.dials.reached, k)
    this.journal?.beforeSend()
    const { sent, before, cursor } = this
    const store = this.stores.text
    const known = { ...(before >= sent.first && { before }), ...(cursor && { cursor }), ...(store && { store }) }
    return { v: 1, session: this.id, k, n: sent.first, last: sent.last, ...known, ...more }
  }

  /** How much longer than usual the server may be silent, in milliseconds. */
  graceMs(): number {
    return this.#grace.ms(this.sent.bytesUnderWay)
  }

  fellSilent(): void {
    this.#grace.fellSilent()
  }

  /** Begins a new session, once, if the server refuses the present one as broken (rule 9). */
  renewOnce(id: string): boolean {
    if (this.#hasRenewed) return false
    this.#hasRenewed = true
    this.begin(id)
    return true
  }

  /** Begins a new session: nothing of the old one is kept, except that the numbers go on. */
  begin(id: string): void {
    this.shared.copies?.leaving()
    this.id = id
    this.opened = null
    this.owedBytes = 0
    this.#isOver = false
    this.#heldAck.drop()
    this.streams.clear()
    this.shared.copies?.begun()
  }

  /** Continues the session after its client here had ended. */
  goOn(): void {
    this.#isOver = false
  }

  /** Ends the session: later frames are ignored. */
  end(): void {
    this.#isOver = true
  }

  /** @throws for an invalid frame */
  readText(frame: string, listener: FrameListener): void {
    this.shared.copies?.read(frame, '')
    readTextFrame(frame, this.#frames, listener)
  }

  /**
   * Reads the acknowledgment in the response to a POST.
   * @throws for an invalid one
   */
  readReceipt(taken: unknown, ack: unknown, answeredAt: unknown = 0): void {
    this.shared.copies?.read(`a${ack}.${answeredAt}`, '')
    const n = countOf(taken)
    this.#acked(countOf(ack), countOf(answeredAt))
    this.port?.onRewind(n)
  }

  /**
   * Reads `0.14`, LF, and the bytes; or only the bytes, whose `place` was sent before. Returns the place of the next bytes
   * of that kind.
   * @throws for an invalid frame
   */
  readBytes(frame: ArrayBuffer, listener: FrameListener, place: string): string {
    this.shared.copies?.read(frame, place)
    const ownPlace = place || cut(String.fromCharCode(...new Uint8Array(frame, 0, Math.min(frame.byteLength, 40))), '\n')[0]
    const [stream, offset] = cut(ownPlace, '.')
    this.#take(countIn(stream), countIn(offset), place ? frame : frame.slice(ownPlace.length + 1), listener)
    return place && `${stream}.${+offset + 1}`
  }

  #open(json: OpenFrame, listener: FrameListener): void {
    // Another page has continued the stored session: this one could not tell which numbers are still its own.
    if (this.journal && json.taken > this.sent.last)
      listener.closed({ code: codes.protocolError, reason: 'taken is more than was sent' })
    const frame = readOpenFrame(json, this.sent.last)
    const { epoch, store, ack, answeredAt } = frame
    const isResumed = this.streams.get(0)?.epoch === epoch
    // A response that was held back on its way: to an older dial, or to a hello from before the last acknowledgments.
    if (!isResumed && (frame.k < (this.opened?.k ?? 0) || frame.taken < this.sent.first - 1)) listener.outdated()
    this.isResumed = isResumed
    if (!this.isResumed) {
      this.before = this.sent.last
      this.streams.clear()
      this.streams.begin(0, epoch, '', 0)
    }
    if (store) this.stores.opened(store)
    // Each answer to a poll opens the same attachment once more.
    const isNew = frame.k !== this.opened?.k
    this.opened = frame
    this.#heldAck.drop()
    this.#acked(ack, answeredAt)
    if (isNew) this.#grace.opened()
    listener.opened(frame)
  }

  #take(stream: number, offset: number, data: string | ArrayBuffer, listener: FrameListener): void {
    if (!this.#isNew(stream, offset)) return
    const topic = this.streams.get(stream)?.topic ?? ''
    listener.received({ data, id: `${stream}.${offset}`, topic })
    this.#took(stream, offset, typeof data === 'string' ? data.length : data.byteLength)
  }

  #took(stream: number, offset: number, bytes: number): void {
    this.#progress()
    this.streams.move(stream, offset)
    this.#grace.comingBytes = 0
    const owed = this.owedBytes
    this.owedBytes += bytes
    if (!owed || this.owedBytes >= ackBytes) this.port?.onAckOwed()
    this.#releaseAck()
  }

  #takeCall(stream: number, offset: number, json: string): void {
    if (!this.#isNew(stream, offset)) return
    this.port?.onCall(JSON.parse(json))
    this.#took(stream, offset, json.length)
  }

  #isNew(stream: number, offset: number): boolean {
    return !this.#isOver && this.streams.isNew(stream, offset)
  }

  #progress(): void {
    this.#grace.progressed()
    this.moves += 1
  }

  /** Acknowledges messages up to `n`, once stream 0 was read up to `answeredAt`, where the answers to them end. */
  #acked(n: number, answeredAt = 0): void {
    must(n <= this.sent.last)
    if (n < this.sent.first) return
    this.#progress()
    this.#heldAck.hold(n, answeredAt)
    this.#releaseAck()
  }

  #releaseAck(): void {
    const n = this.#heldAck.release((this.#isOver ? null : this.streams.get(0)?.offset) ?? Infinity)
    if (n >= this.sent.first) this.port?.onAcked(n)
  }

  #subscribed(json: AnnounceFrame): void {
    if (this.#isOver || !this.streams.announce(json)) return
    this.#progress()
    this.#releaseAck()
  }

  #unsubscribed(json: WithdrawFrame): void {
    const topic = !this.#isOver && this.streams.withdraw(json)
    if (topic === false) return
    this.#progress()
    this.#releaseAck()
    this.port?.onUnsubscribed(topic)
  }

  #missed(json: GapFrame): void {
    const gap = !this.#isOver && this.streams.skip(json)
    if (!gap) return
    this.moves += 1
    this.port?.onGap(gap)
    this.#releaseAck()
  }
}
