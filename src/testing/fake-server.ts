import type { Host } from '../api/host.ts'
import type { Payload } from '../api/protocol.ts'
import { presenceTopicOf } from '../wire/calls.ts'
import type { Dial, DialAnswer, MessageDetails, Refusal } from './contracts.ts'
import { DisposingAtOnce } from './disposing-at-once.ts'
import { fakeHost } from './fake-host.ts'
import { checkRefusal, checkTransports } from './refusal.ts'
import type { FakeRequest } from './request.ts'
import type { FakeSession } from './session.ts'
import { type FakeConnection, type FakeServerOptions, Switchboard } from './switchboard.ts'
import type { FakeMember } from './topics.ts'

const accepts = (): DialAnswer => 'accept'
/** The refusal after which a client of either mode stops, over any transport. */
const over = { code: 4403, reason: 'the fake server is closed' }

/** A server for tests, with the network to it. It tells plain mode from a session by what the client sends. */
export class FakeServer<In = Payload | ArrayBufferView, Out = Payload> extends DisposingAtOnce {
  readonly #switchboard: Switchboard<In, Out>
  readonly #random: (() => number) | undefined
  readonly #end = new AbortController()

  constructor(options: FakeServerOptions<In, Out>) {
    super()
    this.#switchboard = new Switchboard(options)
    this.#random = options.random
  }

  /**
   * Options that connect a client to this server only, to be spread after the application's own: `new RealtimeClient(url, {
   * ...options, ...server.options })`. Each read returns a separate page; `signal` closes its clients with the server.
   */
  get options(): { readonly host: Partial<Host>; readonly signal: AbortSignal } {
    return { host: this.host, signal: this.#end.signal }
  }

  /** The network only, for an application with a `signal` or parts of a host of its own. */
  get host(): Partial<Host> {
    return fakeHost(this.#switchboard, this.#random)
  }

  /** The open connections. */
  get connections(): readonly FakeConnection<In, Out>[] {
    return [...this.#switchboard.connections.values()]
  }

  /** The sessions known to the server, including those without a connection. */
  get sessions(): readonly FakeSession<In, Out>[] {
    return this.#switchboard.sessions.all
  }

  /** All attempts to connect so far, including those that were refused. */
  get dials(): readonly Dial[] {
    return this.#switchboard.dials
  }

  /**
   * Resolves with the first open connection that no earlier call has returned, or with the next one that is accepted.
   * @throws Error if another call is pending, or the server is closed before a connection comes
   */
  nextConnection(): Promise<FakeConnection<In, Out>> {
    return this.#switchboard.newConnections.next(this, ({ isOpen }) => isOpen)
  }

  /**
   * Resolves with the first unread message of any client, or with the next one that arrives.
   * @throws Error if another call is pending, or the server is closed before a message comes
   */
  nextMessage(): Promise<Out> {
    return this.#switchboard.nextMessage(this)
  }

  /** Returns all unread messages, which then count as read. */
  takeMessages(): Out[] {
    return this.#switchboard.messages.take().map(({ data }) => data)
  }

  /**
   * In a session: resolves with the first request of any client (`client.request()`) that no earlier call has returned, or with
   * the next one, for the test to `reply()` to or to `refuse()`. With `onRequest` there are none.
   * @throws Error if another call is pending, or the server is closed before a request comes
   */
  nextRequest(): Promise<FakeRequest<In, Out>> {
    return this.#switchboard.requests.next(this)
  }

  /** In a session: publishes to all clients that read the topic; returns the offset. A later subscriber gets it with `since`. */
  publish(topic: string, data: In): number {
    return this.#switchboard.publish(topic, this.#switchboard.encode(data))
  }

  /** Returns all messages published to a topic, by the test and by clients. */
  published(topic: string): readonly Out[] {
    return this.#switchboard.sessions.topics.publishedAfter(topic, 0).map(({ message }) => this.#switchboard.decode(message))
  }

  /** Sets the members of a topic (`topic.presence`), at first none: clients that read it learn of each join and leave. */
  setMembers(topic: string, members: readonly FakeMember[]): void {
    for (const change of this.#switchboard.sessions.topics.setMembers(topic, members))
      this.#switchboard.publish(presenceTopicOf(topic), this.#switchboard.encodeOwn(change))
  }

  /**
   * Sends a message to every client: over each open connection in plain mode, and to each session, even one that is disconnected.
   * @throws Error if there is neither a connection nor a session
   */
  send(data: In, details: MessageDetails = {}): void {
    const plain = [...this.#switchboard.connections.values()].filter(({ session }) => !session)
    const sessions = this.sessions.filter(({ ended }) => !ended)
    if (!plain.length && !sessions.length)
      throw new Error('FakeServer: send() has nobody to send to; await nextConnection() before it.')
    for (const each of [...plain, ...sessions]) each.send(data, details)
  }

  /** Accepts all dials from now on, as it does at first. */
  accept(): void {
    this.#switchboard.answer = accepts
  }

  /**
   * Refuses all dials from now on, until `accept()`. Open connections stay.
   * @param refusal by a status or by a close code; or a function that returns one, or `null` to accept: it is   called for each
   * dial, and for each request that is not one (a POST, a follow-up question about a failure)
   * @param options.transports the transports to refuse. @defaultValue all
   * @throws TypeError for an invalid refusal, and for an unknown transport
   */
  refuse(
    refusal: Refusal | ((dial: Dial) => Refusal | null),
    { transports }: { readonly transports?: readonly Dial['transport'][] } = {},
  ): void {
    if (typeof refusal !== 'function') checkRefusal(refusal)
    checkTransports(transports)
    const refusalOf = typeof refusal === 'function' ? refusal : () => refusal
    this.#switchboard.answer = (dial) =>
      transports && !transports.includes(dial.transport) ? 'accept' : (refusalOf(dial) ?? 'accept')
  }

  /** Makes the server unreachable until `accept()`: all connections break, and dials fail at once. Sessions are kept. */
  down(): void {
    this.#switchboard.answer = () => 'unreachable'
    for (const connection of [...this.#switchboard.connections.values()]) connection.lose()
  }

  /** Leaves all dials unanswered from now on, until `accept()`. Open connections stay; for those use `connection.stall()`. */
  stall(): void {
    this.#switchboard.answer = () => 'silence'
  }

  /** In a session: loses all sessions, as a server without a store does on a restart. Their connections break. */
  forgetSessions(): void {
    this.#switchboard.sessions.forget()
    for (const connection of [...this.#switchboard.connections.values()]) if (connection.session) connection.lose()
  }

  /** In a session: stops acknowledging messages until `acknowledge()`, as if their handlers were still running. */
  holdAcknowledgments(): void {
    this.#switchboard.sessions.hold()
  }

  /** Acknowledges the messages received so far, and later ones at once. */
  acknowledge(): void {
    this.#switchboard.sessions.acknowledge()
  }

  /** Returns what a test has left, one sentence each: open connections, unread messages, pending calls, and errors that its
   * functions threw. */
  leftovers(): readonly string[] {
    return this.#switchboard.leftovers()
  }

  /**
   * Ends everything: the clients created with `options` are closed, all others are refused for good, and pending calls reject
   * with an error that says what did happen. Returns the `leftovers()` of before: `afterEach(() =>
   * expect(server.close()).toEqual([]))`.
   */
  close(): readonly string[] {
    if (this.#end.signal.aborted) return []
    const leftovers = this.leftovers()
    this.#switchboard.newConnections.close()
    this.#switchboard.messages.close()
    this.#switchboard.requests.close()
    this.#switchboard.sessions.close()
    this.#switchboard.answer = () => over
    this.#end.abort()
    for (const connection of [...this.#switchboard.connections.values()]) {
      if (connection.transport === 'poll' && !connection.session) connection.lose()
      else connection.end(over)
    }
    return leftovers
  }
}
