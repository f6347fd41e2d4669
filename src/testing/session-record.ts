import type { Payload } from '../api/protocol.ts'
import type { CallFault, ClientCall, ServerCall } from '../wire/calls.ts'
import { type CloseFrame, codes, type Hello, type OpenFrame, type Place } from '../wire/steadfast-v1.ts'
import { readClientFrame } from './client-frame.ts'
import type { Ending } from './contracts.ts'
import { type Entry, frameOf, placesOf } from './session-log.ts'
import { SessionStreams } from './session-streams.ts'

/** The values that a real server sends with its default options. */
const defaults = { heartbeatMs: 25_000, maxMessageBytes: 1_048_576, resumeWindowMs: 120_000, retryWindowMs: 50 }

/** The codes with which a client leaves a connection but not its session. */
const hangUps: readonly number[] = [codes.hungUp, 1001, 1005, 1006]

/** An attachment of the session, as the record uses it. */
export interface Attached {
  readonly takesBytes: boolean
  /** Whether the client has chosen it. */
  isChosen: boolean
  write(frame: Payload): void
  /** Closes it from the server's side. */
  end(close: CloseFrame): void
  /** The client has closed it. */
  ended(ending: Ending): void
  /** The client has sent fresh credentials. */
  reauthenticated(auth: unknown): void
}

export interface SessionPort {
  /** Handles a message; returns why it is refused, or `null`. */
  received(message: Payload, via: Attached | null): CallFault | null
  /** Handles a call of the client, which `answer()` or `done()` settles. */
  called(n: number, call: ClientCall): void
  /** The session has ended. */
  ended(): void
  /** Whether messages are acknowledged as they arrive. */
  acknowledges(): boolean
}

/**
 * The server's half of one session of steadfast.v1 (docs/PROTOCOL.md), for one node, one client and a network that loses whole
 * connections only. It has no timer: a session never expires, and the server sends no heartbeat checks.
 */
export class SessionRecord {
  readonly id: string
  readonly epoch: string
  /** The subprotocol of a WebSocket-shaped client; `undefined` for other clients (rule 19). */
  readonly protocol: string | undefined
  readonly attachments = new Set<Attached>()
  /** Whether the server has lost the session. */
  isForgotten = false
  readonly #port: SessionPort
  readonly streams = new SessionStreams((entry) => {
    for (const attached of this.attachments) attached.write(frameOf(entry, attached.takesBytes))
  })
  #taken: number
  #ack: number
  /** The numbers of the pending calls. */
  readonly #open = new Set<number>()
  /** The offset of the last answer. */
  #answeredAt = 0
  #ended: CloseFrame | null = null
  #lastEnd: Ending | null = null

  constructor({ session, n }: Pick<Hello, 'session' | 'n'>, epoch: string, port: SessionPort, protocol?: string) {
    this.id = session
    this.epoch = epoch
    this.protocol = protocol
    this.#port = port
    this.#taken = this.#ack = n - 1
  }

  get ended(): CloseFrame | null {
    return this.#ended
  }

  get receipt(): { readonly taken: number; readonly ack: number; readonly answeredAt?: number } {
    return { taken: this.#taken, ack: this.#ack, ...(this.#answeredAt && { answeredAt: this.#answeredAt }) }
  }

  /** Opens an attachment, and writes what its client has missed. */
  attach(attached: Attached, hello: Hello): void {
    const resumed = this.#isKnownTo(hello)
    this.attachments.add(attached)
    const open: OpenFrame = {
      k: hello.k,
      epoch: this.epoch,
      resumed,
      ...this.receipt,
      ...defaults,
      ...(resumed && this.#lastEnd && { lastEnd: this.#lastEnd }),
      ...(this.protocol !== undefined && { protocol: this.protocol }),
    }
    attached.write(`o${JSON.stringify(open)}`)
    const gaps = new Set<string>()
    for (const entry of this.#missedBy(hello)) {
      const gap = this.streams.gapAt(entry)
      if (gap === null) attached.write(frameOf(entry, attached.takesBytes))
      // The gap is written in place of the first missing message.
      else if (!gaps.has(gap.topic)) attached.write(`g${JSON.stringify(gap)}`)
      if (gap) gaps.add(gap.topic)
    }
    if (hello.turn) this.#choose(attached)
  }

  detach(attached: Attached, ending: Ending): void {
    if (!this.attachments.delete(attached)) return
    const { by, code, reason } = ending
    this.#lastEnd = ending
    // The code of the application's close() ends the session, the code of a hang-up does not (rule 8).
    if (by === 'client' && !this.#isHangUp(code)) this.#finish({ code, reason })
  }

  /** Whether the client has missed entries of the session's own stream. */
  hasNews(hello: Hello): boolean {
    return this.#missedBy(hello).some(({ stream }) => stream === 0)
  }

  /** Settles a call of the client with an answer, which is written before its acknowledgment (rule 21). */
  answer(n: number, call: ServerCall): void {
    if (!this.#open.has(n)) return
    this.streams.call(call)
    this.#answeredAt = this.streams.offset
    this.done(n)
  }

  /** Settles a call of the client without an answer. */
  done(n: number): void {
    this.#open.delete(n)
    this.acknowledge()
  }

  /** Takes a frame of an attachment or, if `via` is `null`, of a separate request. */
  receive(text: Payload, via: Attached | null): void {
    const frame = readClientFrame(text)
    switch (frame.type) {
      case 'messages':
        this.#take(frame.first, frame.messages, via)
        break
      case 'call':
        this.#takeCall(frame.n, frame.call)
        break
      case 'withdrawn':
        // The client has withdrawn this number: there is nothing to deliver.
        if (frame.n === this.#taken + 1) this.#taken += 1
        this.acknowledge()
        break
      case 'turn':
        if (via) this.#choose(via)
        break
      case 'credentials':
        via?.reauthenticated(frame.auth)
        break
      case 'ping':
        via?.write('q')
        break
      case 'close': {
        const { code, reason = '' } = frame.close
        this.#finish({ code, reason })
        for (const attached of [...this.attachments]) attached.ended({ by: 'client', code, reason })
        break
      }
      case 'unknown':
        break
      default:
        frame satisfies never
    }
  }

  /** Acknowledges the messages taken so far. */
  acknowledge(): void {
    const done = Math.min(this.#taken, ...[...this.#open].map((n) => n - 1))
    if (this.#ack === done || !this.#port.acknowledges()) return
    this.#ack = done
    const behind = this.#answeredAt ? `.${this.#answeredAt}` : ''
    for (const attached of this.attachments) attached.write(`a${done}${behind}`)
  }

  /** Asks the client for fresh credentials. */
  challenge(): void {
    for (const attached of this.attachments) attached.write('c{}')
  }

  /** For a WebSocket-shaped client every code is the application's (rule 19). */
  end({ code, reason = '' }: CloseFrame): void {
    const ended = this.protocol === undefined ? { code, reason } : { code: codes.ended, reason, application: code }
    this.#finish(ended)
    for (const attached of [...this.attachments]) attached.end(ended)
  }

  #finish(ended: CloseFrame): void {
    if (this.#ended) return
    this.#ended = ended
    this.#port.ended()
  }

  #isHangUp(code: number): boolean {
    return hangUps.includes(code) && !(code === codes.hungUp && this.protocol !== undefined)
  }

  #isKnownTo({ cursor }: Hello): boolean {
    return placesOf(cursor).get(0)?.epoch === this.epoch
  }

  #missedBy(hello: Hello): readonly Entry[] {
    const places = this.#isKnownTo(hello) ? placesOf(hello.cursor) : new Map<number, Place>()
    return this.streams.after(places)
  }

  #take(first: number, messages: readonly Payload[], via: Attached | null): void {
    for (const [index, message] of messages.entries()) {
      const n = first + index
      // A lower number was taken before, over a connection that broke before its acknowledgment.
      if (n <= this.#taken) continue
      this.#mustBeNext(n)
      this.#taken = n
      const fault = this.#port.received(message, via)
      if (!fault) continue
      this.#open.add(n)
      this.answer(n, { type: 'error', to: n, ...fault })
    }
    this.acknowledge()
  }

  #takeCall(n: number, call: ClientCall): void {
    if (n <= this.#taken) return
    this.#mustBeNext(n)
    this.#taken = n
    this.#open.add(n)
    this.#port.called(n, call)
  }

  #mustBeNext(n: number): void {
    if (n > this.#taken + 1) throw new Error(`the client sent message ${n} behind message ${this.#taken}`)
  }

  /** The client has chosen this attachment: closes the others (rule 5). */
  #choose(chosen: Attached): void {
    chosen.isChosen = true
    this.#lastEnd = null
    for (const other of [...this.attachments])
      if (other !== chosen && other.isChosen) other.end({ code: codes.moved, reason: 'moved' })
  }
}
