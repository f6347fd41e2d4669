import type { Connection, Network, PageEnd } from './network.ts'
import { requestKindOf } from './request-kinds.ts'

/** The events that a node's side of a request can raise in the page. */
export interface RequestEnd extends PageEnd {
  head(status: number, contentType: string, headers?: Readonly<Record<string, string>>): void
  chunk(bytes: Uint8Array): void
  ended(): void
}

export const requests = new WeakMap<Connection, RequestEnd>()

type Result = { readonly done: false; readonly value: Uint8Array } | { readonly done: true; readonly value: undefined }

/** The page's `fetch`, on this network. */
export function fetchOf(network: Network): (url: string, init: RequestInit) => Promise<Response> {
  return (url, init) => new VirtualRequest(network, new URL(url), init).answer
}

class VirtualRequest implements RequestEnd {
  readonly answer: Promise<Response>
  readonly #network: Network
  readonly #connection: Connection
  readonly #signal: AbortSignal | null | undefined
  readonly #chunks: Uint8Array[] = []
  #state: 'asked' | 'answering' | 'ended' | 'failed' = 'asked'
  #failure: unknown = null
  #settle: { resolve(response: Response): void; reject(error: unknown): void } | null = null
  #waiting: { resolve(result: Result): void; reject(error: unknown): void } | null = null
  readonly #onAbort = () => this.#abort()

  constructor(network: Network, url: URL, { body, signal }: RequestInit) {
    const text = String(body ?? '')
    this.#network = network
    this.#signal = signal
    this.answer = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    this.#connection = network.dial(requestKindOf(url, text), this, (connection, door) => {
      requests.set(connection, this)
      this.#write(connection, door.request(connection), text)
    })
    if (signal?.aborted) this.#abort()
    else signal?.addEventListener('abort', this.#onAbort)
  }

  #write(connection: Connection, server: { took(bytes: Uint8Array): void; ended(): void }, text: string): void {
    const { latencyMs } = this.#network.conditions
    const bytes = new TextEncoder().encode(text)
    // A connection that is reused needs no handshake.
    const handshakeMs = connection.random.chance(0.5) ? 2 * latencyMs : 0
    const pieces = connection.random.chance(0.3) ? connection.random.integer(2, 4) : 1
    for (let index = 0; index < pieces; index += 1) {
      const piece = bytes.subarray((bytes.length * index) / pieces, (bytes.length * (index + 1)) / pieces)
      connection.up.push(piece.length + (index ? 0 : 400), () => server.took(piece), index ? 0 : handshakeMs)
    }
    connection.up.push(0, () => server.ended())
  }

  head(status: number, contentType: string, headers: Readonly<Record<string, string>> = {}): void {
    if (this.#state !== 'asked') return
    this.#state = 'answering'
    if (this.#network.swallows(this.#connection)) this.#connection.break(0, 0, 'nobody')
    const response = {
      status,
      ok: status >= 200 && status < 300,
      type: 'basic',
      url: '',
      redirected: false,
      bodyUsed: false,
      headers: new Headers({ 'content-type': contentType, ...headers }),
      body: complete({ getReader: () => complete({ read: () => this.#read(), cancel: async () => this.#abort() }) }),
      text: () => this.#text(),
      json: async () => JSON.parse(await this.#text()),
      arrayBuffer: async () => new TextEncoder().encode(await this.#text()).buffer,
    }
    this.#settle?.resolve(complete(response) as unknown as Response)
  }

  chunk(bytes: Uint8Array): void {
    if (this.#state !== 'answering') return
    this.#chunks.push(bytes)
    this.#serve()
  }

  ended(): void {
    if (this.#state !== 'answering') return
    this.#over('ended')
    this.#connection.isOver = true
  }

  broke(): void {
    this.#connection.isOver = true
    this.#fail(new TypeError('Failed to fetch'))
  }

  answered(status: number): void {
    this.head(status, 'text/html')
    this.chunk(new TextEncoder().encode('<html>'))
    this.ended()
  }

  #abort(): void {
    if (this.#state === 'ended' || this.#state === 'failed') return
    const connection = this.#connection
    connection.down.cut(0, null)
    connection.up.cut(1, () => connection.server?.broke())
    connection.isOver = true
    this.#fail(new DOMException('aborted', 'AbortError'))
  }

  #fail(error: unknown): void {
    if (this.#state === 'ended' || this.#state === 'failed') return
    this.#failure = error
    this.#over('failed')
    this.#settle?.reject(error)
  }

  #over(how: 'ended' | 'failed'): void {
    this.#state = how
    this.#connection.isHeld = false
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#serve()
  }

  #read(): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#serve()
    })
  }

  #serve(): void {
    const waiting = this.#waiting
    if (!waiting) return
    const value = this.#state === 'failed' ? undefined : this.#chunks.shift()
    if (!value && this.#state === 'answering') return
    this.#waiting = null
    if (value) waiting.resolve({ done: false, value })
    else if (this.#state === 'failed') waiting.reject(this.#failure)
    else waiting.resolve({ done: true, value: undefined })
  }

  async #text(): Promise<string> {
    const decoder = new TextDecoder()
    let text = ''
    for (;;) {
      const { done, value } = await this.#read()
      if (done) return text + decoder.decode()
      text += decoder.decode(value, { stream: true })
    }
  }
}

/**
 * A fake of a browser's object. A member that it lacks ends the run: the client would take the exception for a network failure,
 * so that every request would fail and nothing be simulated.
 */
function complete<Part extends object>(part: Part): Part {
  return new Proxy(part, {
    get(target, name) {
      if (name in target || typeof name === 'symbol' || name === 'then') return Reflect.get(target, name)
      const error = new Error(`The simulation's answers have no ${name}: add it to page-fetch.ts.`)
      void Promise.reject(error)
      throw error
    },
  })
}
