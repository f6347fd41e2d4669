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

/** So much taken is acknowledged at once. More seldom than a server would like costs it memory; a page pays some 100 µs for each. */
export const ackBytes = 2 ** 20

/**
 * The client's half of a session (docs/PROTOCOL.md): what it has taken of each stream, and what the server said about what it
 * was sent. It knows no socket and no clock: the frames of all attachments meet here, whichever of them carries the connection.
 */
export class SessionState {
  id: string
  /** Numbers the decisions which attachment carries it. */
  turn = 0
  /** The last `open` frame. */
  opened: OpenFrame | null = null
  /** Whether that frame went on where the one before had ended. */
  isResumed = false
  sent: SentNumbers = { first: 1, last: 0, bytesUnderWay: 0 }
  /** Counts what has moved: what was taken, missed or acknowledged. */
  moves = 0
  /** Bytes taken since the server was last told the cursor. */
  owedBytes = 0
  port: SessionPort | null = null
  journal: SessionJournal | null = null
  /** What other pages have of it, where they share it. */
  readonly shared: SessionSharing = { copies: null, cursor: null, isKept: false }
  /** What was written up to here was for an earlier life of the session, which may have handled it. */
  before = 0
  /** The k of the last dial of the client before, whose session this one goes on with (snapshot.ts); and the highest that a hello has named. */
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

  /** Whether the server has opened it, and it has not ended. */
  get isOn(): boolean {
    return this.opened !== null && !this.#isOver
  }

  get cursor(): string {
    return this.shared.cursor ?? this.streams.text
  }

  hello(dial: number, more: Partial<Hello>): Hello {
    const k = this.dials.before + dial
    this.dials.reached = Math.max(this.dials.reached, k)
    this.journal?.beforeTold()
    const { id, sent, cursor } = this
    const store = this.stores.text
    const before = this.before >= sent.first && { before: this.before }
    const known = { ...before, ...(cursor && { cursor }), ...(store && { store }) }
    return { v: 1, session: id, k, n: sent.first, last: sent.last, ...known, ...more }
  }

  /** How much longer than usual the server may be silent. */
  graceMs(): number {
    return this.#grace.ms(this.sent.bytesUnderWay)
  }

  fellSilent(): void {
    this.#grace.fellSilent()
  }

  /** A session that the server refuses as broken is begun anew, once (rule 9). */
  renewOnce(id: string): boolean {
    if (this.#hasRenewed) return false
    this.#hasRenewed = true
    this.begin(id)
    return true
  }

  /** A new session: nothing of the old one is known, and numbers go on. */
  begin(id: string): void {
    this.id = id
    this.opened = null
    this.owedBytes = 0
    this.#isOver = false
    this.#heldAck.drop()
    this.streams.clear()
    this.shared.copies?.begun()
  }

  /** It goes on after its client here had ended. */
  goOn(): void {
    this.#isOver = false
  }

  /** Whatever still comes is not heard any more. */
  end(): void {
    this.#isOver = true
  }

  /** @throws when the server sent what is no frame */
  readText(frame: string, listener: FrameListener): void {
    this.shared.copies?.read(frame, '')
    readTextFrame(frame, this.#frames, listener)
  }

  /**
   * Reads what the answer to a request that sends says of all that was sent.
   * @throws when it says nothing that can be
   */
  readReceipt(taken: unknown, ack: unknown, answeredAt: unknown = 0): void {
    this.shared.copies?.read(answeredAt ? `a${ack}.${answeredAt}` : `a${ack}`, '')
    const n = countOf(taken)
    this.#acked(countOf(ack), countOf(answeredAt))
    this.port?.onRewind(n)
  }

  /**
   * `0.14`, LF, the bytes; or the bytes alone, whose place was told before. Returns the place of those that come next alone.
   * @throws when the server sent what is no frame
   */
  readBytes(frame: ArrayBuffer, listener: FrameListener, told: string): string {
    this.shared.copies?.read(frame, told)
    if (told) {
      const [stream, offset] = cut(told, '.')
      this.#takeAt(told, frame, listener)
      return `${stream}.${+offset + 1}`
    }
    const head = String.fromCharCode(...new Uint8Array(frame, 0, Math.min(frame.byteLength, 40)))
    const [place] = cut(head, '\n')
    this.#takeAt(place, frame.slice(place.length + 1), listener)
    return ''
  }

  #open(json: OpenFrame, listener: FrameListener): void {
    // Another page has gone on with what is kept here: this one could not tell which numbers are still its own.
    if (this.journal && json.taken > this.sent.last)
      listener.closed({ code: codes.protocolError, reason: 'taken is more than was sent' })
    const frame = readOpenFrame(json, this.sent.last)
    const { epoch, store, ack, answeredAt } = frame
    // An older dial that something held back tells of a life of the session that is over.
    if (this.opened && frame.k < this.opened.k && epoch !== this.opened.epoch) listener.outdated()
    this.isResumed = this.streams.get(0)?.epoch === epoch
    if (!this.isResumed) {
      this.before = this.sent.last
      this.streams.clear()
      this.streams.begin(0, epoch, '', 0)
    }
    if (store) this.stores.opened(store)
    this.opened = frame
    this.#heldAck.drop()
    this.#acked(ack, answeredAt)
    this.#grace.opened()
    listener.opened(frame)
  }

  #takeAt(place: string, data: string | ArrayBuffer, listener: FrameListener): void {
    const [stream, offset] = cut(place, '.')
    this.#take(countIn(stream), countIn(offset), data, listener)
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

  /** The answers to what was acknowledged end at that offset of stream 0, and are taken first. */
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
