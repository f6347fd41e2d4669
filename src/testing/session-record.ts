import type { Payload } from '../api/protocol.ts'
import { type CloseFrame, codes, type Hello, type OpenFrame, type Place } from '../wire/steadfast-v1.ts'
import { utf8Of } from './bytes.ts'
import type { Ending } from './contracts.ts'
import { type Entry, frameOf, placesOf } from './session-log.ts'

/** What a real server says unless its options differ. */
const told = { heartbeatMs: 25_000, maxMessageBytes: 1_048_576, resumeWindowMs: 120_000, retryWindowMs: 50 }

/** The codes with which a client leaves a connection and not its session. */
const hangUps: readonly number[] = [codes.hungUp, 1001, 1005, 1006]

/** An attachment of the session, as its record sees it. */
export interface Attached {
  readonly takesBytes: boolean
  /** Whether the client has chosen it. */
  isChosen: boolean
  write(frame: Payload): void
  /** The server ends it. */
  end(close: CloseFrame): void
  /** The client has ended it. */
  ended(ending: Ending): void
  /** The client has given fresh credentials. */
  reauthenticated(auth: unknown): void
}

export interface SessionPort {
  received(message: Payload, via: Attached | null): void
  /** Whether messages are acknowledged as they come. */
  acknowledges(): boolean
}

/**
 * The server's half of one session of steadfast.v1 (docs/PROTOCOL.md), for one node, one client and a network that loses whole
 * connections only. It has no timer: it never expires, and it asks for no sign of life.
 */
export class SessionRecord {
  readonly id: string
  readonly epoch: string
  /** The subprotocol of a WebSocket-shaped client; `undefined` for other clients (rule 19). */
  readonly protocol: string | undefined
  readonly attachments = new Set<Attached>()
  ended: CloseFrame | null = null
  /** Whether the server has lost it. */
  isForgotten = false
  readonly #port: SessionPort
  readonly #log: Entry[] = []
  readonly #topics = new Map<string, { readonly stream: number; offset: number; lostThrough: number }>()
  #offset = 0
  #taken: number
  #ack: number
  #lastEnd: Ending | null = null

  constructor({ session, n }: Pick<Hello, 'session' | 'n'>, epoch: string, port: SessionPort, protocol?: string) {
    this.id = session
    this.epoch = epoch
    this.protocol = protocol
    this.#port = port
    this.#taken = this.#ack = n - 1
  }

  get receipt(): { readonly taken: number; readonly ack: number } {
    return { taken: this.#taken, ack: this.#ack }
  }

  /** Opens an attachment, and brings what its client has not had. */
  attach(attached: Attached, hello: Hello): void {
    const resumed = this.#isKnownTo(hello)
    this.attachments.add(attached)
    const open: OpenFrame = {
      ...{ k: hello.k, epoch: this.epoch, resumed, taken: this.#taken, ack: this.#ack, ...told },
      ...(resumed && this.#lastEnd && { lastEnd: this.#lastEnd }),
      ...(this.protocol !== undefined && { protocol: this.protocol }),
    }
    attached.write(`o${JSON.stringify(open)}`)
    const gaps = new Set<string>()
    for (const entry of this.#missedBy(hello)) {
      const gap = this.#gapAt(entry)
      if (gap === null) attached.write(frameOf(entry, attached.takesBytes))
      // Told at the first message that is missing.
      else if (!gaps.has(gap.topic)) attached.write(`g${JSON.stringify(gap)}`)
      if (gap) gaps.add(gap.topic)
    }
    if (hello.turn) this.#choose(attached)
  }

  detach(attached: Attached, ending: Ending): void {
    if (!this.attachments.delete(attached)) return
    const { by, code, reason } = ending
    this.#lastEnd = ending
    // What the application's close() says ends the session, what hangs up does not (rule 8).
    if (by === 'client' && !this.#isHangUp(code)) this.ended ??= { code, reason }
  }

  /** Whether something was sent to this client alone that it has not had. */
  hasNews(hello: Hello): boolean {
    return this.#missedBy(hello).some(({ stream }) => stream === 0)
  }

  send(message: Payload, topic = ''): void {
    if (topic === '') {
      this.#offset += 1
      this.#say({ stream: 0, offset: this.#offset, said: { message } })
      return
    }
    const known = this.#topics.get(topic) ?? this.#subscribe(topic)
    known.offset += 1
    this.#say({ stream: known.stream, offset: known.offset, said: { message } })
  }

  /** The log loses what it holds of a topic: a client that has not had it is told of a gap. */
  lose(topic: string): void {
    const known = this.#topics.get(topic)
    if (known) known.lostThrough = known.offset
  }

  /** What came over an attachment, or (`via` is `null`) in a request beside it. */
  receive(frame: Payload, via: Attached | null): void {
    if (typeof frame !== 'string') {
      const bytes = new Uint8Array(frame)
      const end = bytes.indexOf(10)
      this.#take(Number(String.fromCharCode(...bytes.subarray(0, end))), [frame.slice(end + 1)], via)
      return
    }
    const rest = frame.slice(1)
    const colon = rest.indexOf(':')
    const n = Number(rest.slice(0, colon))
    const data = rest.slice(colon + 1)
    switch (frame[0]) {
      case 'm':
        this.#take(n, [data], via)
        break
      case 'M': {
        const [first, ...texts] = JSON.parse(rest)
        this.#take(first, texts, via)
        break
      }
      case 'b':
        this.#take(n, [Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0)).buffer], via)
        break
      case 'T':
        this.#take(n, [utf8Of(data)], via)
        break
      case 'w':
        // A number that its client took back: there is nothing to hand over.
        if (Number(rest) === this.#taken + 1) this.#taken += 1
        this.acknowledge()
        break
      case 't':
        if (via) this.#choose(via)
        break
      case 'c':
        via?.reauthenticated(JSON.parse(rest).auth)
        break
      case 'p':
        via?.write('q')
        break
      case 'x': {
        const { code, reason = '' }: CloseFrame = JSON.parse(rest)
        this.ended ??= { code, reason }
        for (const attached of [...this.attachments]) attached.ended({ by: 'client', code, reason })
        break
      }
    }
  }

  /** Acknowledges what was taken. */
  acknowledge(): void {
    if (this.#ack === this.#taken || !this.#port.acknowledges()) return
    this.#ack = this.#taken
    for (const attached of this.attachments) attached.write(`a${this.#ack}`)
  }

  /** Asks the client for fresh credentials. */
  challenge(): void {
    for (const attached of this.attachments) attached.write('c{}')
  }

  /** Every code is the application's where the client is a WebSocket-shaped one (rule 19). */
  end({ code, reason = '' }: CloseFrame): void {
    this.ended = this.protocol === undefined ? { code, reason } : { code: codes.ended, reason, application: code }
    for (const attached of [...this.attachments]) attached.end(this.ended)
  }

  #isHangUp(code: number): boolean {
    return hangUps.includes(code) && !(code === codes.hungUp && this.protocol !== undefined)
  }

  #isKnownTo({ cursor }: Hello): boolean {
    return placesOf(cursor).get(0)?.epoch === this.epoch
  }

  #missedBy(hello: Hello): readonly Entry[] {
    const places = this.#isKnownTo(hello) ? placesOf(hello.cursor) : new Map<number, Place>()
    return this.#log.filter(({ stream, offset }) => offset > (places.get(stream)?.offset ?? 0))
  }

  #take(first: number, messages: readonly Payload[], via: Attached | null): void {
    for (const [index, message] of messages.entries()) {
      const n = first + index
      // Lower is what came before, over a connection that broke ahead of its acknowledgment.
      if (n <= this.#taken) continue
      if (n > this.#taken + 1) throw new Error(`the client sent message ${n} behind message ${this.#taken}`)
      this.#taken = n
      this.#port.received(message, via)
    }
    this.acknowledge()
  }

  /** The client has chosen it: the others are left (rule 5). */
  #choose(chosen: Attached): void {
    chosen.isChosen = true
    this.#lastEnd = null
    for (const other of [...this.attachments])
      if (other !== chosen && other.isChosen) other.end({ code: codes.moved, reason: 'moved' })
  }

  #subscribe(topic: string): { readonly stream: number; offset: number; lostThrough: number } {
    const stream = this.#topics.size + 1
    this.#offset += 1
    const announcement = `s${JSON.stringify({ at: this.#offset, stream, topic, epoch: this.epoch, from: 0 })}`
    this.#say({ stream: 0, offset: this.#offset, said: { announcement } })
    const begun = { stream, offset: 0, lostThrough: 0 }
    this.#topics.set(topic, begun)
    return begun
  }

  /** What to tell a client that lacks this message, where the log has lost it. */
  #gapAt({ stream, offset }: Entry): { readonly topic: string } | null {
    const [topic, known] = [...this.#topics].find(([, each]) => each.stream === stream) ?? []
    if (topic === undefined || !known || offset > known.lostThrough) return null
    return { ...{ stream, topic, epoch: this.epoch }, ...{ after: offset - 1, resumesAt: known.lostThrough + 1 } }
  }

  #say(entry: Entry): void {
    this.#log.push(entry)
    for (const attached of this.attachments) attached.write(frameOf(entry, attached.takesBytes))
  }
}
