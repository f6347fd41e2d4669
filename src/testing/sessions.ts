import type { Payload } from '../api/protocol.ts'
import { type CloseFrame, codes, type Hello } from '../wire/steadfast-v1.ts'
import type { Connection } from './connection.ts'
import { FakeSession } from './session.ts'
import { type Attached, SessionRecord } from './session-record.ts'

interface Known<In> {
  readonly record: SessionRecord
  readonly session: FakeSession<In>
}

/** All sessions of a fake server. */
export class Sessions<In, Out> {
  readonly #known = new Map<string, Known<In>>()
  readonly #carriers = new WeakMap<Attached, Connection<In, Out>>()
  readonly #encode: (data: In) => Payload
  readonly #received: (data: Payload, connection: Connection<In, Out> | null) => void
  readonly #select: (protocols: readonly string[]) => string | null | undefined
  #isHolding = false
  #epochs = 0

  /**
   * @param received is called with what comes in sessions
   * @param select chooses among the subprotocols that a WebSocket-shaped client offers
   */
  constructor(
    encode: (data: In) => Payload,
    received: (data: Payload, connection: Connection<In, Out> | null) => void,
    select: (protocols: readonly string[]) => string | null | undefined,
  ) {
    this.#encode = encode
    this.#received = received
    this.#select = select
  }

  get all(): readonly FakeSession<In>[] {
    return [...this.#known.values()].map(({ session }) => session)
  }

  /** Why a WebSocket-shaped client gets no session; `null` if it has one, or gets one (rule 19). */
  refusalOf({ session, protocols, cursor }: Hello): CloseFrame | null {
    if (!protocols || this.#known.has(session)) return null
    if (cursor) return { code: codes.ended, reason: 'the session is lost' }
    const isChosen = protocols.length === 0 || protocols.includes(this.#select(protocols) ?? '')
    return isChosen ? null : { code: codes.ended, reason: 'none of the subprotocols offered is spoken here' }
  }

  /** The session of this client, which is new where the server does not know it. */
  of(hello: Hello): FakeSession<In> {
    return this.#of(hello).session
  }

  /** Its record. */
  recordOf(hello: Hello): SessionRecord {
    return this.#of(hello).record
  }

  attach(connection: Connection<In, Out>, hello: Hello): void {
    const { record } = this.#of(hello)
    this.#carriers.set(connection, connection)
    connection.attach(record)
    record.attach(connection, hello)
  }

  posted(hello: Hello, lines: readonly string[]): { readonly taken: number; readonly ack: number } {
    const { record } = this.#of(hello)
    const [via = null] = [...record.attachments].slice(-1)
    for (const line of lines) record.receive(line, via)
    if (hello.turn && via) record.receive(`t${hello.turn}`, via)
    return record.receipt
  }

  /** Whether the session has something for this client. */
  hasNews(hello: Hello): boolean {
    return this.#of(hello).record.hasNews(hello)
  }

  forget(): void {
    for (const { record } of this.#known.values()) record.isForgotten = true
    this.#known.clear()
  }

  hold(): void {
    this.#isHolding = true
  }

  acknowledge(): void {
    this.#isHolding = false
    for (const { record } of this.#known.values()) record.acknowledge()
  }

  #of(hello: Hello): Known<In> {
    const known = this.#known.get(hello.session)
    if (known) return known
    this.#epochs += 1
    const port = {
      received: (message: Payload, via: Attached | null) => this.#received(message, (via && this.#carriers.get(via)) ?? null),
      acknowledges: () => !this.#isHolding,
    }
    const { protocols } = hello
    const protocol = protocols && (protocols.length > 0 ? (this.#select(protocols) ?? '') : '')
    const record = new SessionRecord(hello, `e${this.#epochs}`, port, protocol)
    const made = { record, session: new FakeSession(record, this.#encode) }
    this.#known.set(hello.session, made)
    return made
  }
}
