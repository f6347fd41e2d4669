import type { Payload } from '../api/protocol.ts'
import type { CallFault, ClientCall } from '../wire/calls.ts'
import { type CloseFrame, codes, type Hello } from '../wire/steadfast-v1.ts'
import type { CallsServer } from './application.ts'
import type { Connection } from './connection.ts'
import { FakeSession } from './session.ts'
import { SessionCalls } from './session-calls.ts'
import { type Attached, SessionRecord } from './session-record.ts'
import { Topics } from './topics.ts'

interface Known<In, Out> {
  readonly record: SessionRecord
  readonly session: FakeSession<In, Out>
  readonly calls: SessionCalls<In, Out>
}

/** All sessions of a fake server. */
export class Sessions<In, Out> {
  readonly #known = new Map<string, Known<In, Out>>()
  readonly #carriers = new WeakMap<Attached, Connection<In, Out>>()
  readonly topics = new Topics()
  readonly #server: CallsServer<In, Out>
  readonly #received: (data: Payload, connection: Connection<In, Out> | null) => CallFault | null
  readonly #select: (protocols: readonly string[]) => string | null | undefined
  #isHolding = false
  #epochs = 0

  /**
   * @param server answers the calls of the clients
   * @param received handles messages of sessions; it returns why a message is refused
   * @param select chooses among the subprotocols that a WebSocket-shaped client offers
   */
  constructor(
    server: CallsServer<In, Out>,
    received: (data: Payload, connection: Connection<In, Out> | null) => CallFault | null,
    select: (protocols: readonly string[]) => string | null | undefined,
  ) {
    this.#server = server
    this.#received = received
    this.#select = select
  }

  get all(): readonly FakeSession<In, Out>[] {
    return [...this.#known.values()].map(({ session }) => session)
  }

  /** Why a WebSocket-shaped client gets no session; `null` if it has one, or gets one (rule 19). */
  refusalOf({ session, protocols, cursor }: Hello): CloseFrame | null {
    if (!protocols || this.#known.has(session)) return null
    if (cursor) return { code: codes.ended, reason: 'the session is lost' }
    const isChosen = protocols.length === 0 || protocols.includes(this.#select(protocols) ?? '')
    return isChosen ? null : { code: codes.ended, reason: 'none of the offered subprotocols is supported' }
  }

  /** The session of this client, created if the server does not know it. */
  of(hello: Hello): FakeSession<In, Out> {
    return this.#of(hello).session
  }

  /** The record of that session. */
  recordOf(hello: Hello): SessionRecord {
    return this.#of(hello).record
  }

  attach(connection: Connection<In, Out>, hello: Hello): void {
    const { record } = this.#of(hello)
    this.#carriers.set(connection, connection)
    connection.attach(record)
    record.attach(connection, hello)
  }

  posted(hello: Hello, lines: readonly string[]): SessionRecord['receipt'] {
    const { record } = this.#of(hello)
    const [via = null] = [...record.attachments].slice(-1)
    for (const line of lines) record.receive(line, via)
    if (hello.turn && via) record.receive(`t${hello.turn}`, via)
    return record.receipt
  }

  /** Whether the session has messages for this client. */
  hasNews(hello: Hello): boolean {
    return this.#of(hello).record.hasNews(hello)
  }

  forget(): void {
    for (const { record, calls } of this.#known.values()) {
      record.isForgotten = true
      calls.end()
    }
    this.#known.clear()
  }

  /** Ends all pending calls. */
  close(): void {
    for (const { calls } of this.#known.values()) calls.end()
  }

  /** Delivers a message of a topic to all sessions that read it. */
  publish(topic: string, message: Payload): number {
    const { offset } = this.topics.publish(topic, message)
    for (const { record } of this.#known.values())
      for (const stream of record.streams.all) if (stream.topic === topic) record.streams.deliver(stream, offset, message)
    return offset
  }

  hold(): void {
    this.#isHolding = true
  }

  acknowledge(): void {
    this.#isHolding = false
    for (const { record } of this.#known.values()) record.acknowledge()
  }

  #of(hello: Hello): Known<In, Out> {
    const known = this.#known.get(hello.session)
    if (known) return known
    this.#epochs += 1
    const port = {
      received: (message: Payload, via: Attached | null) => this.#received(message, (via && this.#carriers.get(via)) ?? null),
      acknowledges: () => !this.#isHolding,
      called: (n: number, call: ClientCall) => calls.called(n, call),
      ended: () => calls.end(),
    }
    const { protocols } = hello
    const protocol = protocols && (protocols.length > 0 ? (this.#select(protocols) ?? '') : '')
    const record = new SessionRecord(hello, `e${this.#epochs}`, port, protocol)
    const session: FakeSession<In, Out> = new FakeSession<In, Out>(
      record,
      this.topics,
      (data) => this.#server.encode(data),
      (data, signal) => calls.ask(data, signal),
    )
    const calls: SessionCalls<In, Out> = new SessionCalls(record, session, this.topics, this.#server)
    const made = { record, session, calls }
    this.#known.set(hello.session, made)
    return made
  }
}
