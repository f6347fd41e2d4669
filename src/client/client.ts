import type { Flushed } from '../api/calls.ts'
import type { ClientState, EventDetails, EventListener, EventType, RealtimeEvent } from '../api/events.ts'
import type { Host } from '../api/host.ts'
import type { MessageSender, Unsent } from '../api/message-sender.ts'
import type { Codec, CoreOptions, Sendable } from '../api/options.ts'
import type { Payload, Received } from '../api/protocol.ts'
import type { ClientConnection, SharingClient } from '../api/sharing.ts'
import { AttemptLog } from '../connection/attempt-log.ts'
import { Connection } from '../connection/connection.ts'
import { Classifier } from '../diagnosis/classifier.ts'
import { hostWith } from '../host/browser.ts'
import { bytesOf } from '../sending/plain-sender.ts'
import { checkClose, checkOptions, refuseMore } from '../util/check-options.ts'
import { CallingClient } from './calling-client.ts'
import { DebugLines, lastWords } from './debug.ts'
import { Emitter } from './emitter.ts'
import type { Handler } from './listenable.ts'
import type { MessageIterator } from './message-iterator.ts'
import { MessageQueues } from './message-queues.ts'
import { type ClientReport, safeOptions, version } from './report.ts'
import { senderPortOf } from './sender-port.ts'
import { circumstancesOf, type Settings, settingsOf } from './settings.ts'
import { wired } from './wired.ts'
import { type Conversion, conversionBy } from './writable.ts'

/** An event as listeners of this client get it. */
type Told<Type extends EventType | '*', In, Out> = RealtimeEvent<Type, In, Out, RealtimeClient<In, Out>>

/** An event as an application names its type; `target` is the client. */
export type ClientEvent<
  Type extends EventType | '*' = '*',
  In = Payload,
  Out = unknown,
  Target = RealtimeClient<unknown, unknown>,
> = RealtimeEvent<Type, In, Out, Target>

export type ClientListener<
  Type extends EventType | '*' = '*',
  In = Payload,
  Out = unknown,
  Target = RealtimeClient<unknown, unknown>,
> = EventListener<Type, In, Out, Target>

/** Requires the option `codec` where the message types differ from those without one. */
export type CodecWhereNeeded<In, Out> = [Payload, Out] extends [In, Sendable] ? unknown : { readonly codec: Codec<In, Out> }

/**
 * A realtime connection that holds: it takes the best of its transports that works here and now, and reconnects. The client of
 * `steadfast` extends it by the names of the transports and the diagnosis.
 *
 * It connects by itself, in a microtask after construction, so a client that is closed in the same task never dials.
 *
 * @example
 * const client = new RealtimeClient('/realtime', { transports: [webSocket(), sse()] })
 * client.addEventListener('message', (event) => console.log(event.data))
 * client.send('hello')
 */
export class RealtimeClient<In = Payload, Out = Sendable, Topics = object> extends CallingClient<
  In,
  Out,
  Topics,
  RealtimeClient<In, Out>
> {
  readonly #options: CoreOptions<In, Out>
  readonly #conversion: Conversion<In, Out>
  /** This client's own: where tabs share one, it is used while this one leads. */
  #connection!: Connection
  readonly #face: ClientConnection
  readonly #sender: MessageSender<Out>
  readonly #events: Emitter<EventType, Told<'*', In, Out>>
  readonly #host: Host
  readonly #settings: Settings
  readonly #debug: DebugLines
  readonly #log: AttemptLog
  readonly #queues: MessageQueues<Told<'message', In, Out>>
  readonly #onAbort = () => void this.close().catch(() => {})

  /**
   * @param url where the server is: http(s) or ws(s), which mean the same here, or relative to the page
   * @throws TypeError for an option that is not what it may be; the message names it, and says what to write instead
   */
  constructor(url: string | URL, options: CoreOptions<In, Out> & CodecWhereNeeded<In, Out>) {
    checkOptions(options)
    const host = hostWith(options.host)
    const settings = settingsOf(url, options, host)
    const events = new Emitter<EventType, Told<'*', In, Out>>((error) => host.report(error))
    super(events)
    const classifier = new Classifier(host, circumstancesOf(settings), options)
    this.#options = options
    this.#conversion = conversionBy(options.codec)
    this.#host = host
    this.#log = new AttemptLog((at) => host.wallTime(at))
    this.#settings = settings
    this.#events = events
    // In a session, a client with too many unread messages disconnects, and resumes once the application has read them.
    this.#queues = new MessageQueues(settings.mode.canPause && !options.connection ? (isHeld) => this.#face.hold(isHeld) : null)
    this.#debug = new DebugLines(options.debug, host)
    const note = (line: string) => this.#debug.note(line)
    const raise = (type: EventType, details: object) => this.#raise(type as 'error', details as EventDetails<In, Out>['error'])
    const port = senderPortOf<Out>({ ...{ host, settings, classifier, note, raise }, connection: () => this.#connection })
    const sharing: SharingClient<Out> = {
      ...{ host, settings, port, note },
      events: { raise, onMessage: (message, transport) => this.#receive(message, transport) },
      connection: (sender, told, own) => {
        const parts = { host: own, settings, sender, log: this.#log, classifier, diagnosis: options.diagnosis, ...told }
        this.#connection = new Connection({ ...parts, prepare: options.prepare })
        return this.#connection
      },
    }
    const { signal, connection } = options
    ;({ sender: this.#sender, connection: this.#face } = wired(sharing, connection))
    this.callWith(
      settings.mode.calls?.<In, Out>(
        {
          ...{ host, ...this.#conversion },
          isClosed: () => this.#face.isClosed,
          handler: () => this.onrequest,
          on: (type, listener) => events.add(type, listener as unknown as (event: Told<'*', In, Out>) => void),
        },
        this.#sender,
      ),
    )
    if (signal?.aborted || !settings.autoConnect) return
    Promise.resolve()
      .then(() => this.state.status === 'idle' && !signal?.aborted && this.connect())
      .catch((error) => host.report(error))
  }

  /** What the client is doing now. */
  get state(): ClientState {
    return this.#face.state
  }

  /**
   * Connects at once, also after the client was closed; does nothing while it is connecting or connected.
   * @throws TypeError where the URL is relative and there is no page that it could be relative to
   */
  connect(): void {
    this.#prepareToConnect()
    this.#face.connect()
  }

  /**
   * Replaces the connection by a new one, at once, and forgets what went wrong before: after a login, say, so that `prepare()` runs
   * again. A session goes on, and so does what waits to be sent. Where there is no connection it is `connect()`.
   */
  reconnect(): void {
    this.#prepareToConnect()
    this.#face.reconnect()
  }

  /**
   * Sends a message as soon as there is a connection; never blocks.
   * @throws TypeError when it is not a string, `ArrayBuffer`, view or `Blob` and there is no codec
   * @throws RangeError when the outbox is full and may not drop anything
   * @throws Error when the client is closed
   */
  send(data: Out): void
  send(data: Out, ...more: readonly unknown[]): void {
    refuseMore(data, more)
    const writable = this.#conversion.encode(data)
    if (this.#face.isClosed) throw new Error('RealtimeClient: it is closed, so nothing can be sent; connect() opens it again.')
    this.#sender.send(data, writable)
  }

  /** Resolves when all messages sent so far are handed to the network, or in a session acknowledged; rejects when the client is closed first. */
  flushed(): Promise<Flushed<Out>> {
    return this.#sender.flushed()
  }

  /**
   * Ends the connection until `connect()`. One last write sends what it can of the outbox, and may outlive the client by at most 5 s.
   * The promise never rejects; it resolves with the messages that may not have arrived.
   * @param code 1000 or 3000–4999, as for a WebSocket; the server sees it over WebSocket alone. @defaultValue 1000
   * @param reason at most 123 bytes
   */
  close(code?: number, reason = ''): Promise<Unsent<Out>> {
    checkClose(code, bytesOf(reason))
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    return this.#sender.finish((settled) => this.#face.close(code, reason, settled), code, reason)
  }

  /**
   * `for await (const message of client)`: ends with the client. When more than 1,000 messages or 1 MiB are left unread it ends
   * with an error; in a session the client hangs up instead, and goes on where it was when all have been read.
   */
  [Symbol.asyncIterator](): MessageIterator<Told<'message', In, Out>> {
    return this.#queues.iterate(this.state.status === 'closed')
  }

  /**
   * The version, the browser, the options and the last 100 attempts, for a bug report: no query, token, id or payload is in it, and
   * its members always have the same order.
   */
  report(): ClientReport {
    const host = this.#host
    return {
      ...{ version, at: new Date(host.wallTime(host.now())).toJSON(), userAgent: host.userAgent ?? '' },
      ...{ options: safeOptions(this.#options), status: this.state.status, attempts: this.#log.attempts },
    }
  }

  /** What `JSON.stringify()` makes of the client, which stores and error reporters call: `report()`. */
  toJSON(): ReturnType<RealtimeClient['report']> {
    return this.report()
  }

  /** Vue and what is built on it (Pinia, Alpine) leave the client as it is: its private members cannot be read through a proxy. */
  get __v_skip(): true {
    return true
  }

  #prepareToConnect(): void {
    const { signal } = this.#options
    if (signal?.aborted) throw new Error('RealtimeClient: its signal is aborted, so it cannot connect.')
    void this.#settings.url // Throws where it cannot be resolved, before anything has changed.
    signal?.addEventListener('abort', this.#onAbort)
  }

  #receive({ data, id = '', name = 'message', topic = '' }: Received, transport: string): void {
    let decoded: In
    try {
      decoded = this.#conversion.decode(data)
    } catch (error) {
      this.#connection.notices.unreadable(error)
      return
    }
    const event: Told<'message', In, Out> = { type: 'message', target: this, data: decoded, id, name, topic, transport }
    this.#queues.push(event, bytesOf(data))
    this.#emit(event)
  }

  #raise<Type extends Exclude<EventType, 'message'>>(type: Type, details: EventDetails<In, Out>[Type]): void {
    const event = { type, target: this, ...details } as unknown as Told<'*', In, Out>
    if (event.type === 'close' && event.final) {
      this.#options.signal?.removeEventListener('abort', this.#onAbort)
      this.#sender.giveUp()
      this.#queues.end()
    }
    this.#emit(event)
  }

  #emit(event: Told<'*', In, Out>): void {
    const { type } = event
    this.#debug.print(event)
    if (type === 'close' && event.final && event.diagnosis && !this.onerror && !this.#events.has('error'))
      this.#host.log('error', lastWords(event.diagnosis))
    this.#events.emit(type, event, this[`on${type}`] as Handler<EventType, In, Out, RealtimeClient<In, Out>>)
  }
}
