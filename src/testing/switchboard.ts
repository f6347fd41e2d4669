import type { Ledger } from '../api/evidence.ts'
import type { Codec } from '../api/options.ts'
import type { Payload } from '../api/protocol.ts'
import { browserHost } from '../host/browser.ts'
import { messageOf } from '../util/type-tags.ts'
import { type CallFault, faultOf } from '../wire/calls.ts'
import { RequestError } from '../wire/request-error.ts'
import type { Hello } from '../wire/steadfast-v1.ts'
import type { CallHandlers, CallsServer } from './application.ts'
import { Connection, type ConnectionInternals } from './connection.ts'
import type { Dial, DialAnswer, Door, Wire } from './contracts.ts'
import { Inbox } from './inbox.ts'
import { payloadOf } from './payload.ts'
import { checkRefusal } from './refusal.ts'
import type { FakeRequest } from './request.ts'
import { Sessions } from './sessions.ts'

/** A connection of a client, on which the test plays the server's part. */
export type FakeConnection<In = Payload | ArrayBufferView, Out = Payload> = Omit<Connection<In, Out>, ConnectionInternals>

export interface FakeServerOptions<In, Out> extends CallHandlers<In, Out> {
  /** Encodes the server's messages and decodes the client's; give the client's codec. @defaultValue none: strings and bytes */
  readonly codec?: Codec<Out, In>
  /** Called for each accepted connection, when it is open. */
  readonly onConnection?: (connection: FakeConnection<In, Out>) => void
  /**
   * Called for each message of a client, with its connection, or with `null` if it came in a separate request and there is no
   * connection. In a session a thrown `RequestError` refuses the message, which the client's `flushed()` reports.
   */
  readonly onMessage?: (data: Out, connection: FakeConnection<In, Out> | null) => void
  /**
   * Chooses the subprotocol of a client of `steadfast/socket` that offers some, as the option of `steadfast/server` does; if the
   * result was not offered, the client is refused. @defaultValue the first one offered
   */
  readonly selectProtocol?: (protocols: readonly string[]) => string | null | undefined
  /** Replaces `Math.random()` in clients: 0.5 puts the first retry after half of its longest wait. @defaultValue () => 0.5 */
  readonly random?: () => number
}

/** A message of a client, with its connection. */
interface Message<In, Out> {
  readonly data: Out
  readonly connection: Connection<In, Out> | null
}

/** Connects the fake transports to the server that a test sees: answers dials, and passes on messages. */
export class Switchboard<In, Out> implements Door, CallsServer<In, Out> {
  readonly connections = new Map<Wire, Connection<In, Out>>()
  readonly dials: Dial[] = []
  readonly newConnections: Inbox<Connection<In, Out>>
  readonly messages: Inbox<Message<In, Out>>
  readonly requests: Inbox<FakeRequest<In, Out>>
  readonly sessions: Sessions<In, Out>
  readonly handlers: CallHandlers<In, Out>
  /** The present answer to dials. */
  answer: (dial: Dial) => DialAnswer = () => 'accept'
  readonly after = browserHost.after
  readonly wallTime = () => browserHost.wallTime(browserHost.now())
  readonly report = browserHost.report
  readonly #options: FakeServerOptions<In, Out>
  readonly #errors: string[] = []
  /** The requests that were handed to the test. */
  readonly #requested: FakeRequest<In, Out>[] = []
  /** The answers to the sessions' attempts, by their ids. */
  readonly #verdicts = new Map<string | null, DialAnswer>()

  constructor(options: FakeServerOptions<In, Out>) {
    this.#options = options
    this.handlers = options
    const seen = () => this.#seen()
    this.newConnections = new Inbox('nextConnection()', seen)
    this.messages = new Inbox('nextMessage()', seen)
    this.requests = new Inbox('nextRequest()', seen)
    this.sessions = new Sessions(
      this,
      (data, connection) => this.#received(data, connection),
      (protocols) => {
        const { selectProtocol } = options
        return selectProtocol ? this.#call('selectProtocol', () => selectProtocol(protocols)) : protocols[0]
      },
    )
  }

  dialled(dial: Dial, wire: Wire, hello: Hello | null): boolean {
    this.dials.push(dial)
    const answer = this.#answerTo(dial, hello)
    this.#verdicts.set(dial.url.searchParams.get('attempt'), answer)
    if (answer !== 'accept') {
      wire.refuse(answer)
      return false
    }
    const session = hello && this.sessions.of(hello)
    const connection: Connection<In, Out> = new Connection(dial, wire, session, {
      encode: (data) => this.encode(data),
      nextMessage: () => this.nextMessage(connection, (message) => message.connection === connection),
      received: (data) => void this.#received(data, connection),
      ended: () => this.connections.delete(wire),
      report: browserHost.report,
    })
    this.connections.set(wire, connection)
    wire.accept(connection)
    if (hello) this.sessions.attach(connection, hello)
    const { ended } = hello ? this.sessions.recordOf(hello) : { ended: null }
    if (ended) connection.end(ended)
    this.newConnections.put(connection)
    this.#call('onConnection', () => this.#options.onConnection?.(connection))
    return true
  }

  answerTo(dial: Dial): DialAnswer {
    const answer = this.#call('refuse()', () => {
      const given = this.answer(dial)
      if (typeof given === 'object') checkRefusal(given)
      return given
    })
    return answer ?? 'accept'
  }

  ledgerOf(attempt: string): Ledger {
    const answer = this.#verdicts.get(attempt)
    const seen = { scope: 'all', sawRequest: true, sawUpgrade: true, offeredProtocols: [] } as const
    if (answer === 'accept') return { ...seen, verdict: 'accepted' }
    if (typeof answer === 'object' && 'code' in answer) return { ...seen, verdict: answer.code }
    return { ...seen, sawRequest: false, sawUpgrade: false, verdict: null }
  }

  posted(data: Payload, wire: Wire | null): void {
    this.#received(data, (wire && this.connections.get(wire)) ?? null)
  }

  postedLines(hello: Hello, lines: readonly string[]): ReturnType<Door['postedLines']> {
    return this.sessions.posted(hello, lines)
  }

  asksAgain(wire: Wire, hello: Hello): void {
    const connection = this.connections.get(wire)
    if (connection) this.sessions.attach(connection, hello)
  }

  requested(request: FakeRequest<In, Out>): void {
    this.#requested.push(request)
    this.requests.put(request)
  }

  publish(topic: string, message: Payload): number {
    return this.sessions.publish(topic, message)
  }

  decode(payload: Payload): Out {
    const { codec } = this.#options
    return codec ? codec.decode(payload) : (payload as Out)
  }

  encode(data: In): Payload {
    const { codec } = this.#options
    return payloadOf(codec ? codec.encode(data) : data)
  }

  /** Encodes a message of the server itself with the codec, or as JSON if there is none. */
  encodeOwn(data: object): Payload {
    return this.#options.codec ? this.encode(data as In) : JSON.stringify(data)
  }

  nextMessage(owner: object, isWanted?: (message: Message<In, Out>) => boolean): Promise<Out> {
    return this.messages.next(owner, isWanted).then(({ data }) => data)
  }

  /** What a test has left, one sentence each. */
  leftovers(): readonly string[] {
    const isHeld = ([{ isLeft }, { transport }]: readonly [Wire, Connection<In, Out>]) =>
      // A polling client sends nothing when it leaves.
      !isLeft && transport !== 'poll'
    const open = [...this.connections].filter(isHeld).map(([, connection]) => connection)
    // With `onMessage` the test need not read the messages.
    const unread = this.#options.onMessage ? [] : this.messages.unread
    const unanswered = this.#requested.filter(({ isAnswered, signal }) => !isAnswered && !signal.aborted)
    return [
      ...open.map(({ transport, url }) => `a connection over ${transport} to ${url.origin}${url.pathname} is open`),
      ...unread.map(({ data }) => `a message was not read: ${shown(data)}`),
      ...unanswered.map(({ data }) => `a request was not answered: ${shown(data)}`),
      ...(this.requests.isAwaited ? ['nextRequest() is waiting'] : []),
      ...(this.newConnections.isAwaited ? ['nextConnection() is waiting'] : []),
      ...(this.messages.isAwaited ? ['nextMessage() is waiting'] : []),
      ...this.#errors,
    ]
  }

  /** Accepts a session that has ended only if its client has missed messages (rule 8). */
  #answerTo(dial: Dial, hello: Hello | null): DialAnswer {
    const answer = this.answerTo(dial)
    if (answer !== 'accept' || !hello) return answer
    const refusal = this.sessions.refusalOf(hello)
    if (refusal) return refusal
    const { ended } = this.sessions.recordOf(hello)
    return ended && !this.sessions.hasNews(hello) ? ended : 'accept'
  }

  /** Handles a message; returns why it was refused. */
  #received(payload: Payload, connection: Connection<In, Out> | null): CallFault | null {
    const { codec, onMessage } = this.#options
    let fault: CallFault | null = null
    this.#call(codec ? 'codec.decode() or onMessage' : 'onMessage', () => {
      const data = this.decode(payload)
      this.messages.put({ data, connection })
      try {
        onMessage?.(data, connection)
      } catch (error) {
        fault = faultOf(error)
        if (!(error instanceof RequestError)) throw error
      }
    })
    return fault
  }

  /** Calls a function of the test: its exceptions are reported, and not mistaken for network failures. */
  #call<Result>(what: string, run: () => Result): Result | undefined {
    try {
      return run()
    } catch (error) {
      this.failed(what, error)
      return undefined
    }
  }

  failed(what: string, error: unknown): void {
    this.#errors.push(`${what} threw: ${messageOf(error)}`)
    this.report(error)
  }

  #seen(): string {
    const { dials, connections, messages } = this
    return `${dials.length} dials had come, ${connections.size} connections were open, ${messages.unread.length} messages unread`
  }
}

function shown(data: unknown): string {
  const text = String(JSON.stringify(data))
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}
