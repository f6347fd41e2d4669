import type { Host, WebSocketLike } from '../../src/api/host.ts'
import { linesOf } from '../../src/server/adapters/body-lines.ts'
import type { Hello, OpenFrame } from '../../src/wire/steadfast-v1.ts'

/** The `open` frame of a server that works. */
export function openFrame(more: Partial<OpenFrame> = {}): string {
  return `o${JSON.stringify({
    k: 1,
    epoch: 'e1',
    resumed: false,
    taken: 0,
    ack: 0,
    heartbeatMs: 15_000,
    maxMessageBytes: 2 ** 20,
    resumeWindowMs: 120_000,
    retryWindowMs: 800,
    ...more,
  })}`
}

/** A binary message: its place such as `0.14`, LF, the bytes. */
export function binaryFrame(place: string, ...bytes: readonly number[]): ArrayBuffer {
  return new Uint8Array([...new TextEncoder().encode(`${place}\n`), ...bytes]).buffer
}

/** A WebSocket whose server is the test. */
export class HandSocket implements WebSocketLike {
  binaryType: BinaryType = 'blob'
  bufferedAmount = 0
  protocol = ''
  onopen: WebSocketLike['onopen'] = null
  onmessage: WebSocketLike['onmessage'] = null
  onerror: WebSocketLike['onerror'] = null
  onclose: WebSocketLike['onclose'] = null
  readonly url: URL
  readonly offered: readonly string[]
  readonly sent: (string | ArrayBuffer | Blob)[] = []
  /** The arguments of each call of `close()`. */
  readonly closes: (readonly [code: number | undefined, reason: string | undefined])[] = []

  constructor(url: string, offered: readonly string[] = []) {
    this.url = new URL(url)
    this.offered = offered
  }

  get isClosed(): boolean {
    return this.closes.length > 0
  }

  get hello(): Hello {
    const token = this.offered[1]?.replace(/^s\./, '')
    return JSON.parse(token === undefined ? (this.texts[0] ?? '') : Buffer.from(token, 'base64url').toString())
  }

  /** The texts that were sent. */
  get texts(): readonly string[] {
    return this.sent.filter((each): each is string => typeof each === 'string')
  }

  send(data: string | ArrayBuffer | Blob): void {
    this.sent.push(data)
  }

  close(code?: number, reason?: string): void {
    this.closes.push([code, reason])
  }

  /** The server accepts the handshake. */
  accept(protocol = 'steadfast.v1'): void {
    this.protocol = protocol
    this.onopen?.(new Event('open'))
  }

  say(...frames: readonly (string | ArrayBuffer)[]): void {
    for (const data of frames) this.onmessage?.(new MessageEvent('message', { data }))
  }

  /** The server accepts the handshake, and sends `open`. */
  open(more: Partial<OpenFrame> = {}): void {
    this.accept()
    this.say(openFrame(more))
  }

  /** The server closes the socket. */
  end(code: number, reason = '', wasClean = true): void {
    this.onclose?.({ code, reason, wasClean } as CloseEvent)
  }
}

/** A request whose server is the test. */
export class HandRequest {
  readonly url: URL
  readonly init: RequestInit
  readonly hello: Hello
  /** The frames behind the hello. */
  readonly lines: readonly string[]
  readonly answered: Promise<Response>
  isAborted = false
  /** Whether an abort has no effect, as in Node once the Response has been garbage-collected. */
  isDeaf = false
  /** Whether the reader of its body has cancelled it. */
  isCancelled = false
  /** Whether its answer is complete. */
  isOver = false
  #resolve: (response: Response) => void = () => {}
  #reject: (error: unknown) => void = () => {}
  #stream: ReadableStreamDefaultController<Uint8Array> | null = null

  constructor(url: string, init: RequestInit) {
    this.url = new URL(url)
    this.init = init
    const [hello = '', ...lines] = linesOf(String(init.body)) ?? []
    this.hello = JSON.parse(hello)
    this.lines = lines
    this.answered = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    const abort = () => {
      if (this.isDeaf) return
      this.isAborted = true
      this.break(new DOMException('aborted', 'AbortError'))
    }
    if (init.signal?.aborted) abort()
    else init.signal?.addEventListener('abort', abort, { once: true })
  }

  /** Whether it only sends. */
  get isSend(): boolean {
    return this.hello.send === true
  }

  /** The server answers completely. */
  answer(status: number, contentType: string, body: string): void {
    this.isOver = true
    this.#resolve(new Response(body, { status, headers: { 'Content-Type': contentType } }))
  }

  /** The server answers that it has taken the messages. */
  take(taken: number, ack = taken): void {
    this.answer(200, 'application/json', JSON.stringify({ steadfast: 'v1', taken, ack }))
  }

  problem(status: number, code: number, more: { readonly reason?: string; readonly retryAfterMs?: number } = {}): void {
    this.answer(status, 'application/problem+json', JSON.stringify({ steadfast: 'v1', status, code, ...more }))
  }

  /** The server begins an event stream. */
  begin(): this {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#stream = controller
      },
      cancel: () => {
        this.isCancelled = true
      },
    })
    this.#resolve(new Response(body, { status: 200, headers: { 'Content-Type': 'text/event-stream' } }))
    return this
  }

  /** The server sends these bytes of the stream. */
  raw(text: string): this {
    if (!this.isAborted) this.#stream?.enqueue(new TextEncoder().encode(text))
    return this
  }

  say(...frames: readonly string[]): this {
    return this.raw(frames.map((frame) => `data: ${frame}\n\n`).join(''))
  }

  /** The server begins an event stream, and sends `open`. */
  open(more: Partial<OpenFrame> = {}): this {
    return this.begin().say(openFrame(more))
  }

  /** The server ends the answer. */
  end(): void {
    this.isOver = true
    this.#stream?.close()
  }

  /** The connection breaks, before or during the answer. */
  break(error: unknown = new TypeError('network error')): void {
    this.#reject(error)
    try {
      this.#stream?.error(error)
    } catch {
      // The stream had ended.
    }
  }
}

/** The network of a fake page, played by the test. */
export interface HandNetwork {
  readonly sockets: readonly HandSocket[]
  readonly requests: readonly HandRequest[]
  readonly host: { readonly [Name in 'WebSocket' | 'fetch']: NonNullable<Host[Name]> }
  /** The last socket. */
  readonly socket: HandSocket
  /** The last request that receives. */
  readonly receiving: HandRequest
  /** The last request that sends. */
  readonly sending: HandRequest
  /** The requests that send, in order. */
  readonly sends: readonly HandRequest[]
}

export function handNetwork(): HandNetwork {
  const sockets: HandSocket[] = []
  const requests: HandRequest[] = []
  const last = <Item>(items: readonly Item[], what: string): Item => {
    const item = items.at(-1)
    if (!item) throw new Error(`There is no ${what}.`)
    return item
  }
  return {
    sockets,
    requests,
    host: {
      WebSocket: class extends HandSocket {
        constructor(url: string, offered?: string[]) {
          super(url, offered)
          sockets.push(this)
        }
      },
      fetch(url, init) {
        const request = new HandRequest(url, init)
        requests.push(request)
        return request.answered
      },
    },
    get socket() {
      return last(sockets, 'socket')
    },
    get receiving() {
      return last(
        requests.filter(({ isSend }) => !isSend),
        'request that receives',
      )
    },
    get sending() {
      return last(this.sends, 'request that sends')
    },
    get sends() {
      return requests.filter(({ isSend }) => isSend)
    },
  }
}
