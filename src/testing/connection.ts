import type { Payload } from '../api/protocol.ts'
import type { CloseFrame } from '../wire/steadfast-v1.ts'
import type { Dial, Ending, MessageDetails, Receiver, Wire } from './contracts.ts'
import type { FakeSession } from './session.ts'
import type { Attached, SessionRecord } from './session-record.ts'

/** The server as a connection uses it. */
export interface ConnectionPort<In, Out> {
  encode(data: In): Payload
  nextMessage(owner: object): Promise<Out>
  /** Called for each message in plain mode. */
  received(data: Payload): void
  ended(): void
  report(error: unknown): void
}

/** Members for the server's own use, hidden from tests. */
export type ConnectionInternals = keyof Receiver | keyof Attached | 'attach'

/** One connection of a client to a fake server. */
export class Connection<In, Out> implements Receiver, Attached {
  /** The transport of the connection. */
  readonly transport: Dial['transport']
  /** The dialled URL, including the query from `prepare()` and the options. */
  readonly url: URL
  /** The headers set by the client, by lower-case name; none over WebSocket. */
  readonly headers: Dial['headers']
  /** The subprotocols offered by a WebSocket. */
  readonly subprotocols: readonly string[]
  /** The session that the connection carries, which outlives it; `null` in plain mode. */
  readonly session: FakeSession<In, Out> | null
  /** Resolves with how and by whom the connection was ended. */
  readonly closed: Promise<Ending>
  isChosen = false
  #auth: unknown
  #ending: Ending | null = null
  #isStalled = false
  #record: SessionRecord | null = null
  #settle: (ending: Ending) => void = () => {}
  readonly #wire: Wire
  readonly #port: ConnectionPort<In, Out>

  constructor(dial: Dial, wire: Wire, session: FakeSession<In, Out> | null, port: ConnectionPort<In, Out>) {
    this.transport = dial.transport
    this.url = dial.url
    this.headers = dial.headers
    this.subprotocols = dial.subprotocols
    this.#auth = dial.auth
    this.session = session
    this.#wire = wire
    this.#port = port
    this.closed = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  get isOpen(): boolean {
    return this.#ending === null
  }

  /** In a session: the latest `auth` returned by `prepare()`. */
  get auth(): unknown {
    return this.#auth
  }

  /**
   * Sends a message to the client. Over WebSocket the client's listeners have run when this returns; over SSE and polling they
   * run in the microtasks after it. In a session the message is kept until the client has received it, over any connection.
   * @throws Error if the connection is over
   * @throws TypeError without a codec for data that is neither a string nor bytes, and for details that the transport cannot
   * carry
   */
  send(data: In, details: MessageDetails = {}): void {
    this.#mustBeOpen('send()')
    const { session } = this
    if (session) session.send(data, details)
    else {
      if (details.topic !== undefined) throw new TypeError('FakeServer: send() takes `topic` in a session alone.')
      if (this.transport !== 'sse' && (details.id !== undefined || details.name !== undefined))
        throw new TypeError(
          `FakeServer: send() takes \`id\` and \`name\` over SSE alone; this connection is a ${this.transport}.`,
        )
      this.write(this.#port.encode(data), details)
    }
  }

  /** Resolves with the first unread message of this connection, or with the next one that arrives. */
  nextMessage(): Promise<Out> {
    return this.#port.nextMessage(this)
  }

  /**
   * Closes the connection from the server's side. The close code decides whether the client reconnects.
   * @param code of the Close frame; over SSE the stream just ends. @defaultValue 1000
   * @throws Error if the connection is over, and over long-poll and poll in plain mode, where only `lose()` ends it
   * @throws RangeError for a code that no Close frame can carry
   */
  close(code = 1000, reason = ''): void {
    this.#mustBeOpen('close()')
    if (this.transport === 'poll' && !this.session)
      throw new Error('FakeServer: a poll has no close; lose() fails its next request.')
    const isSayable = Number.isInteger(code) && code >= 1000 && code < 5000 && ![1004, 1005, 1006, 1015].includes(code)
    if (!isSayable)
      throw new RangeError(
        `FakeServer: close() takes a code from 1000 to 4999 that a Close frame can carry, not ${code}; lose() is 1006.`,
      )
    this.end({ code, reason })
  }

  /**
   * Breaks the connection as a failing network does: the client sees a close with 1006, or a failed request, and reconnects.
   * @throws Error if the connection is over
   */
  lose(): void {
    this.#mustBeOpen('lose()')
    this.#finish({ by: 'network', code: 1006, reason: '' })
    this.#wire.cut()
  }

  /**
   * Drops all data in both directions from now on, without closing: the client has to find out by its heartbeat.
   * @throws Error if the connection is over
   */
  stall(): void {
    this.#mustBeOpen('stall()')
    this.#isStalled = true
  }

  get takesBytes(): boolean {
    return this.#wire.takesBytes
  }

  attach(record: SessionRecord): void {
    this.#record = record
  }

  write(data: Payload, details: MessageDetails = {}): void {
    if (this.isOpen && !this.#isStalled) this.#wire.write(data, details)
  }

  end(close: CloseFrame): void {
    if (!this.isOpen) return
    this.#finish({ by: 'server', code: close.code, reason: close.reason ?? '' })
    if (!this.#isStalled) this.#wire.end(close)
  }

  received(data: Payload): void {
    if (!this.isOpen || this.#isStalled) return
    try {
      if (this.#record) this.#record.receive(data, this)
      else this.#port.received(data)
    } catch (error) {
      this.#port.report(error)
    }
  }

  ended(ending: Ending): void {
    // The server never learns what the client does to a stalled connection.
    if (!this.isOpen) return
    this.#finish(this.#isStalled ? { by: 'network', code: 1006, reason: '' } : ending)
  }

  /** Takes fresh credentials of the client. */
  reauthenticated(auth: unknown): void {
    this.#auth = auth
  }

  #finish(ending: Ending): void {
    this.#ending = ending
    this.#record?.detach(this, ending)
    this.#port.ended()
    this.#settle(ending)
  }

  #mustBeOpen(what: string): void {
    if (!this.#ending) return
    const { by, code, reason } = this.#ending
    const instead = this.session && what === 'send()' ? '; its session goes on: connection.session.send()' : ''
    throw new Error(
      `FakeServer: ${what} on a connection that is over: ${endings[by]} it (${code}${reason && ` ${reason}`})${instead}.`,
    )
  }
}

const endings = { client: 'the client closed', server: 'the server closed', network: 'the network broke' } as const
