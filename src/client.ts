import { Connector } from './connector.ts'
import { Emitter } from './emitter.ts'
import type { ClientState, EventDetails, EventListener, EventType, RealtimeEvent } from './events.ts'
import type { Unsent } from './farewell.ts'
import { hostWith } from './host/browser.ts'
import { Judge } from './judge.ts'
import { AttemptLog, type AttemptReport } from './log.ts'
import { MessageQueue } from './messages.ts'
import type { RealtimeOptions } from './options.ts'
import type { Payload, Received } from './protocols/protocol.ts'
import { bytesOf, type Outgoing, Sender, type SenderPort } from './sender.ts'
import { SessionSender } from './session-sender.ts'
import { settingsOf } from './settings.ts'
import type { Writable } from './transports/transport.ts'

/** What can be sent without a codec. */
export type Sendable = string | ArrayBuffer | ArrayBufferView | Blob

type Handler<Type extends EventType, In, Out> = ((event: RealtimeEvent<Type, In, Out>) => void) | null

/** `Symbol.dispose` where the platform has it; otherwise what compilers put in its place. */
const dispose: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose')

/**
 * A realtime connection that holds: it takes the best transport that works here and now, reconnects, and says why it broke.
 *
 * It connects by itself, in a microtask after construction, so a client that is closed in the same task never dials.
 *
 * @example
 * const client = new RealtimeClient('/realtime')
 * client.addEventListener('message', (event) => console.log(event.data))
 * client.send('hello')
 */
export class RealtimeClient<In = Payload, Out = Sendable> {
  onopen: Handler<'open', In, Out> = null
  onmessage: Handler<'message', In, Out> = null
  onerror: Handler<'error', In, Out> = null
  onclose: Handler<'close', In, Out> = null
  ontransport: Handler<'transport', In, Out> = null
  ongap: Handler<'gap', In, Out> = null
  onstate: Handler<'state', In, Out> = null
  ondiagnosis: Handler<'diagnosis', In, Out> = null

  readonly #options: RealtimeOptions<In, Out>
  readonly #connector: Connector
  readonly #sender: Outgoing<Out>
  readonly #emitter: Emitter<EventType, RealtimeEvent<EventType, In, Out>>
  readonly #log = new AttemptLog()
  #queues: readonly MessageQueue<RealtimeEvent<'message', In, Out>>[] = []
  /** Those of which too much is unread. */
  #full: readonly object[] = []
  readonly #isSession: boolean
  readonly #onAbort = () => void this.close().catch(() => {})

  /**
   * @param url where the server is: http(s) or ws(s), which mean the same here, or relative to the page
   * @throws TypeError for an option that is not what it may be; the message names it
   */
  constructor(url: string | URL, options: RealtimeOptions<In, Out> = {}) {
    const host = hostWith(options.host)
    const settings = settingsOf(url, options, host)
    const { signal } = options
    const { session } = settings
    const isOnlyWay = settings.ways.length === 1
    const judge = new Judge(host, { ...(session && { isSession: true }), ...(isOnlyWay && { isOnlyWay }) }, options)
    this.#options = options
    this.#isSession = !!session
    this.#emitter = new Emitter((error) => host.report(error))
    const port: SenderPort<Out> = {
      host,
      limits: settings.outbox,
      ttlMs: settings.outbox.ttlMs,
      writeTimeoutMs: settings.connectTimeoutMs,
      onLost: (lost, report) => {
        const diagnosis = judge.of(report, { way: this.#connector.way, phase: 'send', elapsedMs: 0 })
        this.#raise('error', { diagnosis, retry: null, ...lost })
      },
      onCarried: () => this.#connector.carried(),
      onDue: () => this.#connector.arm(),
    }
    this.#sender = session
      ? new SessionSender<Out>({
          ...port,
          session,
          resends: settings.resend,
          roundTripMs: () => this.#connector.roundTripMs,
          onGap: (gap) => this.#raise('gap', gap),
          onDoubt: () => this.#connector.doubt(),
          onDivided: () => this.#connector.divided(),
          onBroken: (report) => this.#connector.broke(report),
        })
      : new Sender<Out>(port)
    this.#connector = new Connector({
      host,
      settings,
      sender: this.#sender as Outgoing<unknown>,
      log: this.#log,
      prepare: options.prepare,
      judge,
      raise: (type, details) => this.#raise(type, details as EventDetails<In, Out>[typeof type]),
      onMessage: (message, transport) => this.#receive(message, transport),
    })
    if (signal?.aborted || !settings.autoConnect) return
    Promise.resolve()
      .then(() => this.state.status === 'idle' && !signal?.aborted && this.connect())
      .catch((error) => host.report(error))
  }

  /** What the client is doing now. */
  get state(): ClientState {
    return this.#connector.state
  }

  /** Connects, or connects again after the end, at once; while it is connecting or connected nothing happens. */
  connect(): void {
    const { signal } = this.#options
    if (signal?.aborted) throw new Error('RealtimeClient: its signal is aborted, so it cannot connect.')
    signal?.addEventListener('abort', this.#onAbort)
    this.#connector.connect()
  }

  /**
   * Sends a message as soon as there is a connection; never blocks.
   * @throws TypeError when it is not a string, `ArrayBuffer`, view or `Blob` and there is no codec
   * @throws RangeError when the outbox is full and may not drop anything
   * @throws Error when the client is closed
   */
  send(data: Out): void {
    const { codec } = this.#options
    const writable = writableOf(codec ? codec.encode(data) : data)
    if (this.#connector.isClosed)
      throw new Error('RealtimeClient: it is closed, so nothing can be sent; connect() opens it again.')
    this.#sender.send(data, writable)
  }

  /** Resolves when all sent so far has been handed to the network, in a session when the server has acknowledged it; rejects when the client is closed before. */
  flushed(): Promise<void> {
    return this.#sender.flushed()
  }

  /**
   * Ends the connection until `connect()`. What waits is sent as far as one last write allows, which may outlive the client
   * by at most 5 s. The promise never rejects and tells what may not have arrived.
   * @param code 1000 or 3000–4999, as for a WebSocket; the server sees it over WebSocket alone. @defaultValue 1000
   * @param reason at most 123 bytes
   */
  close(code?: number, reason = ''): Promise<Unsent<Out>> {
    if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) {
      throw new TypeError(`RealtimeClient: the close code must be 1000 or 3000 to 4999; it was ${code}.`)
    }
    if (bytesOf(reason) > 123)
      throw new TypeError(`RealtimeClient: the close reason must have at most 123 bytes; it has ${bytesOf(reason)}.`)
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    return this.#sender.finish((settled) => this.#connector.close(code, reason, settled), code, reason)
  }

  addEventListener<Type extends EventType>(
    type: Type,
    listener: EventListener<Type, In, Out>,
    { once = false, signal }: { readonly once?: boolean; readonly signal?: AbortSignal } = {},
  ): void {
    if (signal?.aborted) return
    const plain = listener as EventListener<EventType, In, Out>
    this.#emitter.add(type, plain, once)
    signal?.addEventListener('abort', () => this.#emitter.remove(type, plain), { once: true })
  }

  removeEventListener<Type extends EventType>(type: Type, listener: EventListener<Type, In, Out>): void {
    this.#emitter.remove(type, listener as EventListener<EventType, In, Out>)
  }

  /** Listens, and returns the way to stop. */
  on<Type extends EventType>(type: Type, listener: EventListener<Type, In, Out>): () => void {
    this.addEventListener(type, listener)
    return () => this.removeEventListener(type, listener)
  }

  /**
   * `for await (const message of client)`: ends with the client. When more than 1,000 messages or 1 MiB are left unread it ends
   * with an error; in a session the client hangs up instead, and goes on where it was when all have been read.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<RealtimeEvent<'message', In, Out>, undefined> {
    const queue: MessageQueue<RealtimeEvent<'message', In, Out>> = new MessageQueue(
      () => {
        this.#queues = this.#queues.filter((each) => each !== queue)
        this.#hold(queue, false)
      },
      this.#isSession ? (isFull) => this.#hold(queue, isFull) : null,
    )
    if (this.state.status === 'closed') queue.end(null)
    else this.#queues = [...this.#queues, queue]
    return queue
  }

  /** `using client = new RealtimeClient(…)` closes it at the end of the block. */
  [dispose](): void {
    void this.close().catch(() => {})
  }

  /** An account of the last 100 attempts that can be pasted into a bug report: no query, token, id or payload is in it. */
  report(): { readonly status: ClientState['status']; readonly attempts: readonly AttemptReport[] } {
    return { status: this.state.status, attempts: this.#log.attempts }
  }

  /** A session's client whose messages are not read hangs up, and goes on where it was when they have been. */
  #hold(queue: object, isFull: boolean): void {
    const others = this.#full.filter((each) => each !== queue)
    const wasHeld = this.#full.length > 0
    this.#full = isFull ? [...others, queue] : others
    if (isFull || (wasHeld && !others.length)) this.#connector.hold(isFull)
  }

  #receive({ data, id = '', name = 'message', topic = '' }: Received, transport: string): void {
    let decoded: In
    try {
      const { codec } = this.#options
      decoded = codec ? codec.decode(data) : (data as In)
    } catch (error) {
      this.#connector.unreadable(error)
      return
    }
    const event: RealtimeEvent<'message', In, Out> = { type: 'message', target: this, data: decoded, id, name, topic, transport }
    for (const queue of this.#queues) queue.push(event, bytesOf(data))
    this.#emitter.emit('message', event, this.onmessage as Handler<EventType, In, Out>)
  }

  #raise<Type extends Exclude<EventType, 'message'>>(type: Type, details: EventDetails<In, Out>[Type]): void {
    const event = { type, target: this, ...details } as unknown as RealtimeEvent<EventType, In, Out>
    if (event.type === 'close' && event.final) {
      this.#options.signal?.removeEventListener('abort', this.#onAbort)
      this.#sender.giveUp()
      for (const queue of this.#queues) queue.end(null)
    }
    this.#emitter.emit(type, event, this[`on${type}`] as Handler<EventType, In, Out>)
  }
}

function writableOf(data: unknown): Writable {
  if (typeof data === 'string') return data
  // Copied, because the application may change or transfer them while they wait.
  if (data instanceof ArrayBuffer) return data.slice(0)
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice().buffer as ArrayBuffer
  if (/^\[object (Blob|File)\]$/.test(Object.prototype.toString.call(data))) return data as Blob
  throw new TypeError(
    `RealtimeClient: send() takes a string, ArrayBuffer, view or Blob, not ${Object.prototype.toString.call(data)}; for anything else give a codec.`,
  )
}
