import type { Carrier, Medium } from '../../src/server/delivery/carrier.ts'
import { BinaryPlaces } from '../../src/server/delivery/frame-batch.ts'
import type { Receipt } from '../../src/server/session/post-request.ts'
import { ackOf } from '../../src/server/session/record.ts'
import type { CloseFrame } from '../../src/wire/steadfast-v1.ts'
import type { Clock } from './clock.ts'
import type { Connection, Network } from './network.ts'
import { type RequestEnd, requests } from './page-fetch.ts'
import { sockets } from './page-socket.ts'
import type { Pipe } from './pipe.ts'
import type { Court } from './violation.ts'

/** Called with each frame of a node when it reaches the page. */
export type Overhear = (frame: string, connection: Connection) => void

interface SocketSurroundings {
  readonly maxBytes: number
  readonly heartbeatMs: number
  readonly court: Court
  readonly overhear: Overhear
}

/** The carrier of a WebSocket at a node. */
export class SocketCarrier implements Carrier {
  readonly medium: Medium = 'websocket'
  /** When something was last written, by the network's clock. */
  wroteAt: number
  /** When it was last found full. */
  fullAt = 0
  readonly #connection: Connection
  readonly #clock: Clock
  readonly #maxBytes: number
  readonly #overhear: Overhear
  readonly #heartbeatMs: number
  readonly #court: Court
  readonly #places = new BinaryPlaces()
  /** When the server sent a ping that is still unanswered. */
  #askedAt: number | null = null

  constructor(connection: Connection, { clock }: Network, { maxBytes, heartbeatMs, court, overhear }: SocketSurroundings) {
    this.wroteAt = clock.now
    this.#heartbeatMs = heartbeatMs
    this.#court = court
    this.#clock = clock
    this.#connection = connection
    this.#maxBytes = maxBytes
    this.#overhear = overhear
  }

  accept(protocol: string): void {
    const { down } = this.#connection
    down.push(200, () => sockets.get(this.#connection)?.accepted(protocol))
  }

  write(frame: string | Uint8Array): void {
    for (const each of this.#places.framesFor(frame)) this.#write(each)
  }

  #write(frame: string | Uint8Array): void {
    const copy = typeof frame === 'string' ? frame : new Uint8Array(frame)
    this.wroteAt = this.#clock.now
    if (isOpening(copy)) this.#connection.toldAt = this.#clock.now
    this.#connection.down.push(4 + copy.length, () => {
      if (typeof copy === 'string') this.#overhear(copy, this.#connection)
      sockets.get(this.#connection)?.received(copy)
    })
  }

  heartbeat(): void {
    this.#askedAt ??= this.#clock.now
    this.write('p')
  }

  /** Bytes of the client arrived. */
  heard(): void {
    this.#askedAt = null
  }

  /** How long a ping has been unanswered. */
  get unansweredMs(): number {
    return this.#askedAt === null ? 0 : this.#clock.now - this.#askedAt
  }

  isDraining(): boolean {
    return this.#connection.down.undelivered < this.#maxBytes
  }

  end({ code, reason = '', retryAfterMs = 0 }: CloseFrame = { code: 1000 }): void {
    // The allowance for slow links comes on top of it.
    this.#court.must(
      reason !== 'nothing heard' || this.unansweredMs >= this.#heartbeatMs,
      'judged-unasked',
      () => `#${this.#connection.id} is called silent, ${this.unansweredMs} ms after a question without an answer`,
    )
    const text = retryAfterMs > 0 ? JSON.stringify({ reason, retryAfterMs }) : reason
    const connection = this.#connection
    connection.down.push(10, () => sockets.get(connection)?.closed(code, text))
    connection.server = null
  }
}

const statuses: Readonly<Record<number, number>> = {
  4400: 400,
  4401: 401,
  4403: 403,
  4409: 409,
  4410: 410,
  4413: 413,
  4429: 429,
  4500: 500,
  4503: 503,
}

/** The size limit of a complete answer, as in `src/server/adapters/http-carriers.ts`. */
const fullLength = 262_144

/** The carrier of an HTTP answer at a node: an event stream or a long-poll. A proxy may hold it back. */
export class AnswerCarrier implements Carrier {
  readonly medium: Medium
  wroteAt: number
  /** When it was last found full. */
  fullAt = 0
  readonly #clock: Clock
  readonly #connection: Connection
  readonly #maxBytes: number
  readonly #overhear: Overhear
  readonly #hold: { readonly bytes: number; readonly head: boolean }
  #state: 'asked' | 'answering' | 'over' = 'asked'
  #held: Uint8Array[] = []
  /** Held frames with their ends in the held bytes. */
  #heldFrames: { readonly frame: string; readonly end: number }[] = []
  #heldBytes = 0
  #isHeadHeld = false
  /** The answer to a long-poll, which is sent at once. */
  #whole = ''
  #wholeFrames: string[] = []

  constructor(medium: Medium, connection: Connection, { conditions, clock }: Network, maxBytes: number, overhear: Overhear) {
    this.medium = medium
    this.wroteAt = clock.now
    this.#clock = clock
    this.#connection = connection
    this.#maxBytes = maxBytes
    this.#overhear = overhear
    this.#hold = { bytes: conditions.proxy?.holdBytes ?? 0, head: !!conditions.proxy?.holdsHead }
  }

  write(frame: string | Uint8Array): void {
    if (isOpening(frame)) this.#connection.toldAt = this.#clock.now
    const text = `data: ${String(frame)}\n\n`
    if (this.medium === 'answer') {
      this.#whole += text
      this.#wholeFrames.push(String(frame))
    } else this.#say(text, [String(frame)])
  }

  heartbeat(): void {
    this.#say(':\n\n', [])
  }

  isDraining(): boolean {
    return this.medium === 'answer' ? this.#whole.length < fullLength : this.#connection.down.undelivered < this.#maxBytes
  }

  end(close?: CloseFrame): void {
    if (this.#state === 'over') return
    if (close && this.#state === 'asked' && !this.#whole) {
      this.json(statuses[close.code] ?? 410, close)
      return
    }
    if (close) this.write(`x${JSON.stringify(close)}`)
    if (this.medium === 'answer') this.#say(this.#whole, this.#wholeFrames)
    this.#finish()
  }

  /** Answers with JSON and nothing else. */
  json(status: number, body: object): void {
    if (this.#state !== 'asked') return
    this.#head(status, status === 200 ? 'application/json' : 'application/problem+json')
    const { ack, answeredAt } = body as Partial<Exclude<Receipt, CloseFrame>>
    const frames = ack === undefined ? [] : [ackOf({ done: ack, ...(answeredAt !== undefined && { answeredAt }) })]
    this.#send(new TextEncoder().encode(JSON.stringify({ steadfast: 'v1', ...body })), [])
    this.#finish(frames)
  }

  #say(text: string, frames: readonly string[]): void {
    if (this.#state === 'over') return
    this.wroteAt = this.#clock.now
    if (this.#state === 'asked') {
      this.#head(200, 'text/event-stream')
      if (this.medium === 'stream') this.#send(new Uint8Array(2048).fill(58).fill(10, 2046), [])
    }
    this.#send(new TextEncoder().encode(text), frames)
  }

  #head(status: number, contentType: string): void {
    this.#state = 'answering'
    this.#isHeadHeld = this.#hold.bytes > 0 && this.#hold.head
    this.#status = { status, contentType }
    if (!this.#isHeadHeld) this.#pushHead()
  }

  #status = { status: 200, contentType: '' }

  #pushHead(): void {
    const { status, contentType } = this.#status
    this.#isHeadHeld = false
    this.#connection.down.push(300, () => this.#page()?.head(status, contentType))
  }

  #send(bytes: Uint8Array, frames: readonly string[]): void {
    this.#held.push(bytes)
    let end = this.#heldBytes
    for (const frame of frames) {
      end = frames.length > 1 ? end + 8 + Buffer.byteLength(frame) : end + bytes.length
      this.#heldFrames.push({ frame, end })
    }
    this.#heldBytes += bytes.length
    if (this.#heldBytes >= this.#hold.bytes) this.#flush()
  }

  #flush(): void {
    if (this.#isHeadHeld) this.#pushHead()
    const { down, random } = this.#connection
    const frames = this.#heldFrames
    const whole = joined(this.#held)
    this.#held = []
    this.#heldFrames = []
    this.#heldBytes = 0
    // Bytes that were written together may arrive separately.
    const at = random.chance(0.3) ? random.integer(0, whole.length) : whole.length
    this.#push(
      down,
      whole.subarray(0, at),
      frames.filter(({ end }) => end <= at),
    )
    this.#push(
      down,
      whole.subarray(at),
      frames.filter(({ end }) => end > at),
    )
  }

  #push(down: Pipe, bytes: Uint8Array, frames: readonly { readonly frame: string }[]): void {
    if (bytes.length === 0) return
    down.push(bytes.length, () => {
      for (const { frame } of frames) this.#overhear(frame, this.#connection)
      this.#page()?.chunk(bytes)
    })
  }

  /** @param frames what the page reads only once the answer is complete */
  #finish(frames: readonly string[] = []): void {
    this.#flush()
    this.#state = 'over'
    this.#connection.server = null
    this.#connection.down.push(5, () => {
      for (const frame of frames) this.#overhear(frame, this.#connection)
      this.#page()?.ended()
    })
  }

  #page(): RequestEnd | undefined {
    return requests.get(this.#connection)
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts
  if (only && parts.length === 1) return only
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** Whether it is an `open` frame. Later frames are no sign that the client is present. */
function isOpening(frame: string | Uint8Array): boolean {
  return typeof frame === 'string' && frame.startsWith('o')
}
