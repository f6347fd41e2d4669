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
import { hostNames, hostWith } from '../host/browser.ts'
import { checkClose, checkOptions, refuseMore } from '../util/check-options.ts'
import { messageOf } from '../util/type-tags.ts'
import { CallingClient } from './calling-client.ts'
import { DebugLines, finalErrorLine } from './debug.ts'
import { Emitter } from './emitter.ts'
import type { Handler } from './listenable.ts'
import type { MessageIterator } from './message-iterator.ts'
import { MessageQueues } from './message-queues.ts'
import { type ClientReport, reportOf } from './report.ts'
import { senderPortOf } from './sender-port.ts'
import { circumstancesOf, type Settings, settingsOf } from './settings.ts'
import { wired } from './wired.ts'
import { type Conversion, conversionBy } from './writable.ts'

/** An event of this client, as its listeners get it. */
type EventOf<Type extends EventType | '*', In, Out> = RealtimeEvent<Type, In, Out, RealtimeClient<In, Out>>

/** An event of the client, exported as `RealtimeEvent`; `target` is the client. */
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

/** Requires the option `codec` if the message types differ from those without a codec. */
export type CodecWhereNeeded<In, Out> = [Payload, Out] extends [In, Sendable] ? unknown : { readonly codec: Codec<In, Out> }

/**
 * A realtime connection that uses the best of its transports that works, and reconnects. The client of `steadfast` extends it
 * with the built-in transports, by name, and with the diagnosis.
 *
 * It connects automatically, in a microtask after construction, so a client that is closed in the same task never dials.
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
  /** The client's own connection; if tabs share one, it is used only while this tab is the leader. */
  #connection!: Connection
  readonly #face: ClientConnection
  readonly #sender: MessageSender<Out>
  readonly #events: Emitter<EventType, EventOf<'*', In, Out>>
  readonly #host: Host
  readonly #settings: Settings
  readonly #debug: DebugLines
  readonly #log: AttemptLog
  readonly #queues: MessageQueues<EventOf<'message', In, Out>>
  readonly #onAbort = () => void this.close().catch(() => {})

  /**
   * @param url the server's URL: http(s) or ws(s), which mean the same here, or relative to the page
   * @throws TypeError for an invalid option; the message names it and says what to write instead
   */
  constructor(url: string | URL, options: CoreOptions<In, Out> & CodecWhereNeeded<In, Out>) {
    checkOptions(options)
    const host = hostWith(options.host)
    const settings = settingsOf(url, options, host, hostNames)
    const events = new Emitter<EventType, EventOf<'*', In, Out>>((error) => host.report(error))
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
    const port = senderPortOf<Out>({ host, settings, classifier, note, raise, connection: () => this.#connection })
    const sharing: SharingClient<Out> = {
      host,
      settings,
      port,
      note,
      events: { raise, onMessage: (message, transport) => this.#receive(message, transport) },
      connection: (sender, listeners, own) => {
        const parts = { host: own, settings, sender, log: this.#log, classifier, diagnosis: options.diagnosis, ...listeners }
        this.#connection = new Connection({ ...parts, prepare: options.prepare })
        return this.#connection
      },
    }
    ;({ sender: this.#sender, connection: this.#face } = wired(sharing, options.connection))
    this.callWith(
      settings.mode.calls?.<In, Out>(
        {
          host,
          ...this.#conversion,
          isClosed: () => this.#face.isClosed,
          handler: () => this.onrequest,
          on: (type, listener) => events.add(type, listener as unknown as (event: EventOf<'*', In, Out>) => void),
        },
        this.#sender,
      ),
    )
    // Only the URL can be wrong here. To report the error would end a Node process, which may render many pages.
    const failed = (error: unknown) => host.log('error', messageOf(error))
    const begin = () => this.state.status === 'idle' && !options.signal?.aborted && this.connect()
    if (settings.autoConnect) Promise.resolve().then(begin).catch(failed)
  }

  /** What the client is doing: a frozen object, which is replaced at every change. */
  get state(): ClientState {
    return this.#face.state
  }

  /**
   * Connects at once, also after the client was closed; does nothing while it is connecting or connected.
   * @throws TypeError if the URL is relative and there is no page
   */
  connect(): void {
    this.#prepareToConnect()
    this.#face.connect()
  }

  /**
   * Replaces the connection with a new one at once and resets the backoff: after a login, say, so that `prepare()` runs again.
   * The session and the outbox are kept. Without a connection it is the same as `connect()`.
   */
  reconnect(): void {
    this.#prepareToConnect()
    this.#face.reconnect()
  }

  /**
   * Sends a message, now or as soon as there is a connection; never blocks.
   * @throws TypeError if there is no codec and it is not a string, `ArrayBuffer`, view or `Blob`
   * @throws RangeError if the outbox is full and `outbox.overflow` is `'reject'`; Error if the client is closed
   */
  send(data: Out): void
  send(data: Out, ...more: readonly unknown[]): void {
    refuseMore(data, more)
    const writable = this.#conversion.encode(data)
    if (this.#face.isClosed) throw new Error('RealtimeClient: it is closed, so nothing can be sent; connect() opens it again.')
    this.#sender.send(data, writable)
  }

  /** Resolves when all messages sent so far were written, or in a session acknowledged; rejects if the client is closed first. */
  flushed(): Promise<Flushed<Out>> {
    const flushed = this.#sender.flushed()
    if (this.#face.isClosed) this.#sender.giveUp()
    return flushed
  }

  /**
   * Closes the client, until `connect()`. A final flush, which may take up to 5 s more, sends what it can of the outbox.
   * The promise never rejects; it resolves with the messages that may not have arrived.
   * @param code 1000 or 3000–4999, as for a WebSocket, in a session not 4000; plain mode sends it over WebSocket only. @defaultValue 1000
   * @param reason at most 123 bytes of UTF-8
   * @throws TypeError for another code, and for a longer reason
   */
  close(code?: number, reason = ''): Promise<Unsent<Out>> {
    checkClose(code, reason, this.#settings.mode.hangUpCode)
    return this.#sender.finish((settled) => this.#face.close(code, reason, settled), code, reason)
  }

  /**
   * `for await (const message of client)`: ends when the client closes. If more than 1,000 messages or 1 MiB are unread, it
   * throws; in a session the client disconnects instead, and resumes when all have been read.
   */
  [Symbol.asyncIterator](): MessageIterator<EventOf<'message', In, Out>> {
    return this.#queues.iterate(this.#face.isClosed)
  }

  /**
   * Returns the version, the browser, the options and the last 100 attempts, for a bug report. It contains no query, token, id or
   * payload, and its members always have the same order.
   */
  report(): ClientReport {
    return reportOf(this.#host, this.#options, this.state.status, this.#log.attempts)
  }

  /** Returns `report()`, since stores and error reporters pass the client to `JSON.stringify()`. */
  toJSON(): ReturnType<RealtimeClient['report']> {
    return this.report()
  }

  /** Keeps Vue and libraries on top of it (Pinia, Alpine) from wrapping the client in a proxy, which breaks private members. */
  get __v_skip(): true {
    return true
  }

  #prepareToConnect(): void {
    const { signal } = this.#options
    if (signal?.aborted) throw new Error('RealtimeClient: its signal is aborted, so it cannot connect.')
    this.#settings.url.get() // Throws if it cannot be resolved, before any state has changed.
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
    const event: EventOf<'message', In, Out> = { type: 'message', target: this, data: decoded, id, name, topic, transport }
    this.#queues.push(event, data)
    this.#emit(event)
  }

  #raise<Type extends Exclude<EventType, 'message'>>(type: Type, details: EventDetails<In, Out>[Type]): void {
    const event = { type, target: this, ...details } as unknown as EventOf<'*', In, Out>
    if (event.type === 'close' && event.final) {
      this.#options.signal?.removeEventListener('abort', this.#onAbort)
      this.#sender.giveUp()
      this.#queues.end()
    }
    this.#emit(event)
  }

  #emit(event: EventOf<'*', In, Out>): void {
    const { type } = event
    this.#debug.print(event)
    if (type === 'close' && event.final && event.diagnosis && !this.onerror && !this.#events.has('error'))
      this.#host.log('error', finalErrorLine(event.diagnosis))
    this.#events.emit(type, event, this[`on${type}`] as Handler<EventType, In, Out, RealtimeClient<In, Out>>, this)
  }
}
