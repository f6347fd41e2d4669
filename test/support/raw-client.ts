import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import type { CloseFrame, OpenFrame } from '../../src/wire/steadfast-v1.ts'
import { type HelloOptions, helloOf, newsOf } from './server-bench.ts'

const patienceMs = 5000

/** A session id like those of clients. */
export function randomSession(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('base64url')
}

/** Waits until a condition holds. */
export async function until(isSo: () => boolean, what = 'it never became so'): Promise<void> {
  const deadline = performance.now() + patienceMs
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(what)
    await sleep(2)
  }
}

/** The frames received over one carrier. */
abstract class RawCarrier {
  readonly frames: (string | Uint8Array)[] = []
  close: CloseFrame | null = null
  isOver = false

  get open(): OpenFrame {
    const [frame] = this.frames
    if (typeof frame !== 'string' || !frame.startsWith('o'))
      throw new Error(`Not opened, but ${JSON.stringify(frame ?? this.close)}.`)
    return JSON.parse(frame.slice(1))
  }

  get news(): string[] {
    return newsOf(this.frames)
  }

  /** Only the messages of `news`. */
  get messages(): string[] {
    return this.news.filter((each) => /^\d/.test(each))
  }

  async opened(): Promise<this> {
    await until(() => this.frames.length > 0 || this.isOver, 'it was never opened')
    void this.open
    return this
  }

  async has(...messages: readonly string[]): Promise<void> {
    await until(
      () => messages.every((each) => this.news.includes(each)),
      `${messages.join()} never came, but ${this.news.join().slice(0, 500)}`,
    )
  }

  async over(): Promise<CloseFrame> {
    await until(() => this.isOver, 'it never ended')
    return this.close ?? { code: 1005 }
  }
}

export interface RawOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly protocols?: readonly string[]
  readonly query?: string
}

/** A WebSocket whose frames the test writes. */
export class RawSocket extends RawCarrier {
  readonly socket: WebSocket
  constructor(url: string, hello: HelloOptions | string, { headers = {}, protocols, query = '' }: RawOptions = {}) {
    super()
    const text = typeof hello === 'string' ? hello : JSON.stringify(helloOf(hello))
    const offered = protocols ?? ['steadfast.v1', `s.${Buffer.from(text).toString('base64url')}`]
    this.socket = new WebSocket(url.replace('http', 'ws') + query, [...offered], { headers, perMessageDeflate: false })
    this.socket.on('message', (data: Buffer, isBinary) => {
      const frame = isBinary ? new Uint8Array(data) : data.toString()
      this.frames.push(frame)
      if (frame === 'p') this.socket.send('q')
    })
    this.socket.on('error', (error) => {
      this.close = { code: 1006, reason: error.message }
    })
    this.socket.on('close', (code, reason) => {
      this.close ??= { code, ...said(reason.toString()) }
      this.isOver = true
    })
  }

  send(...frames: readonly (string | Uint8Array)[]): void {
    for (const frame of frames) this.socket.send(frame)
  }
}

function said(reason: string): { readonly reason: string; readonly retryAfterMs?: number } {
  try {
    return JSON.parse(reason)
  } catch {
    return { reason }
  }
}

export function bodyOf(hello: HelloOptions | string, lines: readonly string[] = []): string {
  return [typeof hello === 'string' ? hello : JSON.stringify(helloOf(hello)), ...lines].join('\n')
}

/** One POST, as a client would send it. */
export function rawPost(
  url: string,
  hello: HelloOptions | string,
  lines: readonly string[] = [],
  { headers = {}, query = '' }: RawOptions = {},
): Promise<Response> {
  const body = bodyOf(hello, lines)
  return fetch(url + query, { method: 'POST', headers: { 'Content-Type': 'text/plain;charset=utf-8', ...headers }, body })
}

/** Sends messages by POST; resolves with the JSON answer. */
export async function rawSend(url: string, hello: HelloOptions, ...lines: readonly string[]): Promise<Record<string, unknown>> {
  const response = await rawPost(url, { send: true, ...hello }, lines)
  return { status: response.status, ...(await response.json()) }
}

/** An event stream, or with `wait` a single answer. */
export class RawStream extends RawCarrier {
  readonly #abort = new AbortController()
  /** The received bytes as text. */
  text = ''
  response: Response | null = null

  constructor(
    url: string,
    hello: HelloOptions | string,
    lines: readonly string[] = [],
    { headers = {}, query = '' }: RawOptions = {},
  ) {
    super()
    const init = { method: 'POST', headers: { 'Content-Type': 'text/plain', ...headers }, body: bodyOf(hello, lines) }
    fetch(url + query, { ...init, signal: this.#abort.signal })
      .then((response) => this.#read(response))
      .catch(() => {
        this.close ??= { code: 1006 }
      })
      .finally(() => {
        this.isOver = true
      })
  }

  hangUp(): void {
    this.#abort.abort()
  }

  async #read(response: Response): Promise<void> {
    this.response = response
    if (!response.ok) {
      this.close = (await response.json()) as CloseFrame
      return
    }
    const decoder = new TextDecoder()
    let read = 0
    for await (const chunk of response.body ?? []) {
      this.text += decoder.decode(chunk, { stream: true })
      for (let end = this.text.indexOf('\n\n', read); end >= 0; end = this.text.indexOf('\n\n', read)) {
        const event = this.text.slice(read, end)
        read = end + 2
        if (event.startsWith('data: x')) this.close = JSON.parse(event.slice(7))
        else if (event.startsWith('data: ')) this.frames.push(event.slice(6))
      }
    }
  }
}

/** Opens a WebSocket, and resolves when the session is attached. */
export async function rawOpen(url: string, hello: HelloOptions, options?: RawOptions): Promise<RawSocket> {
  const raw = new RawSocket(url, hello, options)
  await once(raw.socket, 'message')
  return raw
}
