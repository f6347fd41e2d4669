import { closeOf, countIn, countOf, must, textOf } from '../wire/readers.ts'
import type { Hello, OpenFrame } from '../wire/steadfast-v1.ts'
import { bytesOfBase64, cut } from './frames.ts'
import { Grace } from './grace.ts'
import { readOpenFrame } from './open-frame.ts'
import type { FrameListener, SentNumbers, SessionJournal, SessionPort, SessionSharing } from './session-port.ts'
import { StoreHistory } from './store-history.ts'
import { type GapFrame, StreamCursors } from './stream-cursors.ts'

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
    this.journal?.beforeCursor()
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
    const rest = frame.slice(1)
    switch (frame[0]) {
      case 'o':
        this.#open(JSON.parse(rest), listener)
        break
      case 'm':
        this.#takeAt(...cut(rest, ':'), listener)
        break
      case 'M':
        for (const [stream, first, ...texts] of JSON.parse(rest) as unknown[][]) {
          for (let index = 0; index < texts.length; index += 1)
            this.#take(countOf(stream), countOf(countOf(first) + index), textOf(texts[index]), listener)
        }
        break
      case 'b': {
        const [place, data] = cut(rest, ':')
        this.#takeAt(place, bytesOfBase64(data).buffer, listener)
        break
      }
      case 'a':
        this.#acked(countIn(rest))
        break
      case 'r':
        this.port?.onRewind(countIn(rest))
        break
      case 's':
        if (!this.#isOver && this.streams.announce(JSON.parse(rest))) this.#progress()
        break
      case 'u':
        if (!this.#isOver && this.streams.withdraw(JSON.parse(rest))) this.#progress()
        break
      case 'g':
        this.#missed(JSON.parse(rest))
        break
      case 'h': {
        const { comingBytes = this.#grace.comingBytes } = JSON.parse(rest)
        this.#grace.comingBytes = countOf(comingBytes)
        break
      }
      case 'p':
        listener.pinged()
        break
      case 'c':
        listener.challenged?.()
        break
      case 'x':
        listener.closed(closeOf(JSON.parse(rest)))
        break
    }
  }

  /**
   * Reads what the answer to a request that sends says of all that was sent.
   * @throws when it says nothing that can be
   */
  readReceipt(taken: unknown, ack: unknown): void {
    this.shared.copies?.read(`a${ack}`, '')
    const n = countOf(taken)
    this.#acked(countOf(ack))
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
    const frame = readOpenFrame(json, this.sent.last)
    const { epoch, store, ack } = frame
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
    this.#acked(ack)
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
    this.#move(stream, offset)
    this.#grace.comingBytes = 0
    const owed = this.owedBytes
    this.owedBytes += typeof data === 'string' ? data.length : data.byteLength
    if (!owed || this.owedBytes >= ackBytes) this.port?.onAckOwed()
  }

  #isNew(stream: number, offset: number): boolean {
    return !this.#isOver && this.streams.isNew(stream, offset)
  }

  #move(stream: number, offset: number): void {
    this.#progress()
    this.streams.move(stream, offset)
  }

  #progress(): void {
    this.#grace.progressed()
    this.moves += 1
  }

  #acked(n: number): void {
    must(n <= this.sent.last)
    if (n < this.sent.first) return
    this.#progress()
    this.port?.onAcked(n)
  }

  #missed(json: GapFrame): void {
    const gap = !this.#isOver && this.streams.skip(json)
    if (!gap) return
    this.moves += 1
    this.port?.onGap(gap)
  }
}
