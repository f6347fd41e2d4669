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
/** With it a client ends in either mode, whatever its transport. */
const over = { code: 4403, reason: 'the fake server is closed' }

/** A server for tests, with the network to it. Whether a client speaks plain mode or a session is seen from what it says. */
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
   * What a client needs to reach this server and nothing else, to be spread behind the application's own options:
   * `new RealtimeClient(url, { ...options, ...server.options })`. Each reading is a page of its own; `signal` closes its clients
   * with the server.
   */
  get options(): { readonly host: Partial<Host>; readonly signal: AbortSignal } {
    return { host: this.host, signal: this.#end.signal }
  }

  /** The network alone, for an application that has a `signal` or parts of a host of its own. */
  get host(): Partial<Host> {
    return fakeHost(this.#switchboard, this.#random)
  }

  /** The connections that are open. */
  get connections(): readonly FakeConnection<In, Out>[] {
    return [...this.#switchboard.connections.values()]
  }

  /** The sessions that the server knows, those included that no connection carries now. */
  get sessions(): readonly FakeSession<In, Out>[] {
    return this.#switchboard.sessions.all
  }

  /** Every attempt of a client to connect so far, those that were refused included. */
  get dials(): readonly Dial[] {
    return this.#switchboard.dials
  }

  /**
   * The first open connection that no call before has returned, or the next one that is accepted.
   * @throws Error where another call is waiting, or when the server is closed before one comes
   */
  nextConnection(): Promise<FakeConnection<In, Out>> {
    return this.#switchboard.newConnections.next(this, ({ isOpen }) => isOpen)
  }

  /**
   * The first message of any client that has not been read, or the next one that comes.
   * @throws Error where another call is waiting, or when the server is closed before one comes
   */
  nextMessage(): Promise<Out> {
    return this.#switchboard.nextMessage(this)
  }

  /** All messages that have come and have not been read, which are read by that. */
  takeMessages(): Out[] {
    return this.#switchboard.messages.take().map(({ data }) => data)
  }

  /**
   * In a session: the first request of any client (`client.request()`) that no call before has returned, or the next one that comes; for the
   * test to `reply()` to or to `refuse()`. With `onRequest` there is none.
   * @throws Error where another call is waiting, or when the server is closed before one comes
   */
  nextRequest(): Promise<FakeRequest<In, Out>> {
    return this.#switchboard.requests.next(this)
  }

  /** In a session: publishes to every client that reads the topic; returns the offset. What is published before comes with `since`. */
  publish(topic: string, data: In): number {
    return this.#switchboard.publish(topic, this.#switchboard.encode(data))
  }

  /** All that was published to a topic, by the test and by clients. */
  published(topic: string): readonly Out[] {
    return this.#switchboard.sessions.topics.publishedAfter(topic, 0).map(({ message }) => this.#switchboard.decode(message))
  }

  /** Says who is in a topic (`topic.presence`): clients that read it learn of each join and leave. At first there is nobody. */
  setMembers(topic: string, members: readonly FakeMember[]): void {
    for (const change of this.#switchboard.sessions.topics.setMembers(topic, members))
      this.#switchboard.publish(presenceTopicOf(topic), this.#switchboard.encodeOwn(change))
  }

  /**
   * Sends a message to every client: over each open connection in plain mode, to each session otherwise, also to one that is away.
   * @throws Error where there is nobody who would ever get it
   */
  send(data: In, details: MessageDetails = {}): void {
    const plain = [...this.#switchboard.connections.values()].filter(({ session }) => !session)
    const sessions = this.sessions.filter(({ ended }) => !ended)
    if (!plain.length && !sessions.length)
      throw new Error('FakeServer: send() has nobody to send to; await nextConnection() before it.')
    for (const each of [...plain, ...sessions]) each.send(data, details)
  }

  /** Accepts what is dialled from now on, as it does at first. */
  accept(): void {
    this.#switchboard.answer = accepts
  }

  /**
   * Refuses what is dialled from now on, until `accept()`. Open connections stay.
   * @param refusal by a status or by a close code; or a function that returns one, or `null` to accept: it is
   *   called with each dial, and with each request beside one (a POST, a question about a failure)
   * @param options.transports those that are refused. @defaultValue all
   * @throws TypeError for what refuses nothing, and for an unknown transport
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

  /** The server is away: all connections break, and what is dialled finds nobody, until `accept()`. Sessions are kept. */
  down(): void {
    this.#switchboard.answer = () => 'unreachable'
    for (const connection of [...this.#switchboard.connections.values()]) connection.lose()
  }

  /** What is dialled from now on is never answered, until `accept()`. Open connections stay; `connection.stall()` is for those. */
  stall(): void {
    this.#switchboard.answer = () => 'silence'
  }

  /** In a session: the server has lost what it knew of all sessions, as by a restart without a store. Their connections break. */
  forgetSessions(): void {
    this.#switchboard.sessions.forget()
    for (const connection of [...this.#switchboard.connections.values()]) if (connection.session) connection.lose()
  }

  /** In a session: messages are taken, and not acknowledged until `acknowledge()`, as by handlers that are still at work. */
  holdAcknowledgments(): void {
    this.#switchboard.sessions.hold()
  }

  /** Acknowledges what was taken, and goes on to do so at once. */
  acknowledge(): void {
    this.#switchboard.sessions.acknowledge()
  }

  /** What a test has left: connections that are open, messages that nobody has read, calls that wait; and what its functions
   * threw. A sentence for each. */
  leftovers(): readonly string[] {
    return this.#switchboard.leftovers()
  }

  /**
   * Ends everything: the clients made with `options` are closed, all others are refused for good, and who waits gets an error that
   * says what did happen. Returns what `leftovers()` was before: `afterEach(() => expect(server.close()).toEqual([]))`.
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
