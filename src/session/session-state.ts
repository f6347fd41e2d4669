import { closeOf, countIn, countOf, msOf, must, textOf } from '../wire/readers.ts'
import { cursorText, type Hello, type OpenFrame } from '../wire/steadfast-v1.ts'
import { bytesOfBase64 } from './frames.ts'

/** What a session tells whoever sends for it. */
export interface SessionPort {
  /** Everything up to n is settled at the server. */
  onAcked(n: number): void
  /** The server has lost what it took above n: it has to be written again. */
  onBack(n: number): void
  /** Something was taken of which the server does not know yet. */
  onOwing(): void
  onGap(gap: Gap): void
}

/** Messages that were missed, and that the server can no longer replay. */
export interface Gap {
  /** `''` for messages to this client alone. */
  readonly topic: string
  /** The last offset before it; `null` where the log began anew. */
  readonly after: number | null
  /** The first offset behind it. */
  readonly resumesAt: number
}

/** A message as the session hands it over. */
export interface SessionMessage {
  readonly data: string | ArrayBuffer
  /** Stream and offset. */
  readonly id: string
  /** `''` for messages to this client alone. */
  readonly topic: string
}

/** The attachment on which a frame came. */
export interface FrameListener {
  opened(frame: OpenFrame): void
  received(message: SessionMessage): void
  pinged(): void
  /** The server asks for fresh credentials. */
  readonly challenged?: (() => void) | undefined
  closed(code: number, reason: string, retryAfterMs?: number): void
  /** It belongs to a life of the session that is over: throws what ends it. */
  outdated(): never
}

interface Stream {
  readonly epoch: string
  readonly topic: string
  offset: number
}

/** So much taken is acknowledged at once. More seldom than a server would like costs it memory; a page pays some 100 µs for each. */
export const ackBytes = 2 ** 20
const mostSlackMs = 120_000
const slowestBytesPerMs = 10
const answerMs = 3000
const silenceMs = 5000

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
  /** What was written: the lowest number that is not acknowledged, and the bytes from there on. */
  sent: { readonly first: number; readonly last: number; readonly bytesUnderWay: number } = {
    first: 1,
    last: 0,
    bytesUnderWay: 0,
  }
  /** Counts what has moved: what was taken, missed or acknowledged. */
  moves = 0
  /** Bytes taken since the server was last told the cursor. */
  owedBytes = 0
  port: SessionPort | null = null
  /** What was written up to here was for an earlier life of the session, which may have handled it. */
  #before = 0
  /** The stores that opened it, the last one first. */
  #stores: string[] = []
  /** Whether one of them opened it again after another: two servers do not share one. */
  isDivided = false
  #comingBytes = 0
  #patience = 1
  /** Whether anything was taken or acknowledged since the last attachment opened. */
  #hasProgressed = false
  #hasRenewed = false
  #isOver = false
  readonly #streams = new Map<number, Stream>()

  constructor(id: string) {
    this.id = id
  }

  /** How long the server is silent at most, and how long an answer may take; `null` until it has said so. */
  get heartbeat(): { readonly intervalMs: number; readonly timeoutMs: number } | null {
    return this.opened && { intervalMs: this.opened.heartbeatMs, timeoutMs: silenceMs }
  }

  /** Whether the server has opened it, and it has not ended. */
  get isOn(): boolean {
    return this.opened !== null && !this.#isOver
  }

  /** Over how long the return of this server's clients should be spread, in milliseconds; `null` until it has said so. */
  get spreadMs(): number | null {
    const { opened } = this
    return opened && Math.min(opened.retryWindowMs, opened.resumeWindowMs / 2)
  }

  get cursor(): string {
    return cursorText(this.#streams)
  }

  hello(k: number, more: Partial<Hello>): Hello {
    const { id, sent, cursor } = this
    const store = this.#stores.join()
    const before = this.#before >= sent.first && { before: this.#before }
    return {
      v: 1,
      session: id,
      k,
      n: sent.first,
      last: sent.last,
      ...before,
      ...(cursor && { cursor }),
      ...(store && { store }),
      ...more,
    }
  }

  /** How much longer than usual silence is nothing unusual: what is under way may take its time on a slow link (rule 7). */
  slackMs(): number {
    const bytes = this.sent.bytesUnderWay + this.#comingBytes
    return Math.min(mostSlackMs, bytes / slowestBytesPerMs + answerMs * (this.#patience - 1))
  }

  /** An attachment ended by silence: if nothing had come of it, the next one is given twice the time. */
  fellSilent(): void {
    if (!this.#hasProgressed) this.#patience *= 2
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
    this.#streams.clear()
  }

  /** Whatever still comes is not heard any more. */
  end(): void {
    this.#isOver = true
  }

  /** @throws when the server sent what is no frame */
  readText(frame: string, listener: FrameListener): void {
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
        this.port?.onBack(countIn(rest))
        break
      case 's': {
        const { topic, epoch, from, ...frame } = JSON.parse(rest)
        const at = countOf(frame.at)
        const stream = countOf(frame.stream)
        // Behind a gap in stream 0 the server says again what was announced in it, at the place where the gap ends.
        const isLate = at === this.#streams.get(0)?.offset && !this.#streams.has(stream)
        if (this.#isNew(0, at) || (isLate && !this.#isOver)) {
          this.#begin(stream, epoch, topic, from)
          this.#move(0, at)
        }
        break
      }
      case 'u': {
        const frame = JSON.parse(rest)
        const at = countOf(frame.at)
        if (this.#isNew(0, at)) {
          this.#streams.delete(countOf(frame.stream))
          this.#move(0, at)
        }
        break
      }
      case 'g':
        this.#missed(JSON.parse(rest))
        break
      case 'h': {
        const { comingBytes = this.#comingBytes } = JSON.parse(rest)
        this.#comingBytes = countOf(comingBytes)
        break
      }
      case 'p':
        listener.pinged()
        break
      case 'c':
        listener.challenged?.()
        break
      case 'x': {
        const { code, reason, retryAfterMs } = closeOf(JSON.parse(rest))
        listener.closed(code, reason, retryAfterMs || undefined)
        break
      }
    }
  }

  /**
   * Reads what the answer to a request that sends says of all that was sent.
   * @throws when it says nothing that can be
   */
  readReceipt(taken: unknown, ack: unknown): void {
    const n = countOf(taken)
    this.#acked(countOf(ack))
    this.port?.onBack(n)
  }

  /**
   * `0.14`, LF, the bytes; or the bytes alone, whose place was told before. Returns the place of those that come next alone.
   * @throws when the server sent what is no frame
   */
  readBytes(frame: ArrayBuffer, listener: FrameListener, told: string): string {
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
    const { k, epoch, store, taken, ack, maxMessageBytes, lastEnd } = json
    const frame = {
      ...json,
      heartbeatMs: msOf(json.heartbeatMs),
      resumeWindowMs: msOf(json.resumeWindowMs),
      retryWindowMs: msOf(json.retryWindowMs),
    }
    for (const count of [k, taken, ack, maxMessageBytes]) countOf(count)
    epochOf(epoch)
    if (store) epochOf(store)
    if (lastEnd) textOf(closeOf(lastEnd) && lastEnd.by)
    must(frame.heartbeatMs >= 1 && ack <= this.sent.last)
    // An older dial that something held back tells of a life of the session that is over.
    if (this.opened && frame.k < this.opened.k && epoch !== this.opened.epoch) listener.outdated()
    this.isResumed = this.#streams.get(0)?.epoch === epoch
    if (!this.isResumed) {
      this.#before = this.sent.last
      this.#streams.clear()
      this.#begin(0, epoch, '', 0)
    }
    if (store) {
      const others = this.#stores.filter((other) => other !== store)
      this.isDivided ||= this.#stores.indexOf(store) > 0
      this.#stores = [store, ...others].slice(0, 4)
    }
    this.opened = frame
    this.#acked(ack)
    this.#hasProgressed = false
    listener.opened(frame)
  }

  #takeAt(place: string, data: string | ArrayBuffer, listener: FrameListener): void {
    const [stream, offset] = cut(place, '.')
    this.#take(countIn(stream), countIn(offset), data, listener)
  }

  #take(stream: number, offset: number, data: string | ArrayBuffer, listener: FrameListener): void {
    if (!this.#isNew(stream, offset)) return
    const topic = this.#streams.get(stream)?.topic ?? ''
    listener.received({ data, id: `${stream}.${offset}`, topic })
    this.#move(stream, offset)
    this.#comingBytes = 0
    const owed = this.owedBytes
    this.owedBytes += typeof data === 'string' ? data.length : data.byteLength
    if (!owed || this.owedBytes >= ackBytes) this.port?.onOwing()
  }

  /** Whether it has not been taken yet (rule 1). A stream that nobody has announced has no place to be compared with. */
  #isNew(stream: number, offset: number): boolean {
    return !this.#isOver && offset > (this.#streams.get(stream)?.offset ?? Infinity)
  }

  #move(number: number, offset: number): void {
    this.#progress()
    const stream = this.#streams.get(number)
    if (stream) stream.offset = offset
  }

  #progress(): void {
    this.#hasProgressed = true
    this.#patience = 1
    this.moves += 1
  }

  #acked(n: number): void {
    must(n <= this.sent.last)
    if (n < this.sent.first) return
    this.#progress()
    this.port?.onAcked(n)
  }

  #missed(json: { readonly [Name in keyof Gap | 'stream' | 'epoch']: unknown }): void {
    const stream = countOf(json.stream)
    const topic = textOf(json.topic ?? '')
    const after = json.after === null ? null : countOf(json.after)
    const resumesAt = countOf(json.resumesAt)
    const known = this.#streams.get(stream)
    if (this.#isOver || (known && known.epoch === json.epoch && resumesAt <= known.offset + 1)) return
    this.#begin(stream, json.epoch, topic, resumesAt - 1)
    this.moves += 1
    this.port?.onGap({ topic, after, resumesAt })
  }

  /** A stream goes on from there. What the cursor cannot tell the server again is refused here, not by the server. */
  #begin(stream: number, epoch: unknown, topic: unknown, offset: unknown): void {
    this.#streams.set(stream, { epoch: epochOf(epoch), topic: textOf(topic), offset: countOf(offset) })
  }
}

/** What stands before a sign, and what behind it. */
function cut(text: string, sign: string): [before: string, after: string] {
  const at = text.indexOf(sign)
  if (at < 0) throw new SyntaxError(sign)
  return [text.slice(0, at), text.slice(at + 1)]
}

function epochOf(value: unknown): string {
  must(/^[\w-]+$/.test(textOf(value)))
  return textOf(value)
}
