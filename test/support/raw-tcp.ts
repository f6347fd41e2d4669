import { connect, type Socket } from 'node:net'
import { type HelloOptions, helloOf } from './server-bench.ts'

/** How a connection ended, as seen from this side: by FIN, or by a reset or its destruction. */
export type End = 'fin' | 'reset'

export interface HttpAnswer {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/** A TCP connection on which a test writes any bytes. */
export class RawTcp implements Disposable {
  readonly socket: Socket
  readonly #chunks: Buffer[] = []
  #length = 0
  #end: End | null = null
  readonly #over: Promise<End>
  readonly #closed: Promise<void>

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk) => {
      this.#chunks.push(chunk)
      this.#length += chunk.length
    })
    this.#closed = new Promise((resolve) => socket.on('close', () => resolve()))
    this.#over = new Promise((resolve) => {
      const ended = (how: End) => {
        this.#end ??= how
        resolve(this.#end)
      }
      socket.on('end', () => ended('fin'))
      socket.on('error', () => ended('reset'))
      socket.on('close', () => ended('reset'))
    })
  }

  /** `isHalfOpen`: this side stays open when the server has ended its own. */
  static open(port: number, { isHalfOpen = false, localAddress = '127.0.0.1' } = {}): Promise<RawTcp> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: isHalfOpen, noDelay: true })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new RawTcp(socket))
      })
    })
  }

  /** How it ended; `null` while it is open. */
  get end(): End | null {
    return this.#end
  }

  get received(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  /** The answers received so far, complete or not. */
  get answers(): readonly HttpAnswer[] {
    return readAnswers(this.received)
  }

  /** Resolves when the bytes have been passed to the operating system, or the connection has ended. */
  async write(bytes: string | Uint8Array): Promise<void> {
    if (this.socket.destroyed || !this.socket.writable) return
    await Promise.race([new Promise<void>((resolve) => this.socket.write(bytes, () => resolve())), this.#closed])
  }

  /** Drops what has been received. */
  forget(): void {
    this.#chunks.length = 0
    this.#length = 0
  }

  /** Stops reading, so that the server's writes back up there. */
  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  /** Sends FIN. */
  finish(): void {
    this.socket.end()
  }

  reset(): void {
    this.socket.resetAndDestroy()
  }

  /** How it ended, or `null` if it has not within the limit. */
  async over(limitMs: number): Promise<End | null> {
    const { promise, cancel } = limited(limitMs)
    try {
      return await Promise.race([this.#over, promise])
    } finally {
      cancel()
    }
  }

  /** Waits until there are `count` answers or the connection has ended; returns the answers. */
  async answered(count: number, limitMs = 10_000): Promise<readonly HttpAnswer[]> {
    await this.saw(() => this.answers.length >= count, limitMs)
    return this.answers
  }

  /** Waits until the received bytes satisfy `isSo` or the connection has ended; returns whether they do. */
  async saw(isSo: (received: Buffer) => boolean, limitMs = 10_000): Promise<boolean> {
    const deadline = performance.now() + limitMs
    for (let length = -1; !this.#end && performance.now() < deadline; await limited(5).promise) {
      if (length === this.#length) continue
      length = this.#length
      if (isSo(this.received)) return true
    }
    return isSo(this.received)
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}

function limited(limitMs: number): { readonly promise: Promise<null>; cancel(): void } {
  let timer: NodeJS.Timeout | undefined
  const promise = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), limitMs)
  })
  return { promise, cancel: () => clearTimeout(timer) }
}

/** Parses the answers in these bytes; the last one may be incomplete. */
function readAnswers(bytes: Buffer): readonly HttpAnswer[] {
  const answers: HttpAnswer[] = []
  let rest = bytes.toString('latin1')
  for (;;) {
    const end = rest.indexOf('\r\n\r\n')
    if (!rest.startsWith('HTTP/1.1 ') || end < 0) return answers
    const [start = '', ...lines] = rest.slice(0, end).split('\r\n')
    const headers = new Map(
      lines.map((line): [string, string] => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
      }),
    )
    const status = Number(start.split(' ')[1])
    const isBodiless = status < 200 || status === 204 || status === 304
    const length = isBodiless ? 0 : Number(headers.get('content-length') ?? Infinity)
    const body = rest.slice(end + 4, length === Infinity ? undefined : end + 4 + length)
    answers.push({ status, headers, body })
    rest = length === Infinity ? '' : rest.slice(end + 4 + length)
  }
}

type Headers = Readonly<Record<string, string>>

/** A request as text, with `Content-Length` unless the headers describe the body themselves. */
export function requestText(method: string, target: string, headers: Headers = {}, body = ''): string {
  const names = Object.keys(headers).map((name) => name.toLowerCase())
  const isTold = names.includes('content-length') || names.includes('transfer-encoding')
  const isWithBody = method === 'POST' || body !== ''
  const all = {
    ...(names.includes('host') ? {} : { Host: '127.0.0.1' }),
    ...headers,
    ...(isTold || !isWithBody ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }),
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n${body}`
}

/** A POST whose body is a hello and lines. */
export function postText(hello: HelloOptions | string, lines: readonly string[] = [], headers: Headers = {}): string {
  const first = typeof hello === 'string' ? hello : JSON.stringify(helloOf(hello))
  const told = { 'Content-Type': 'text/plain;charset=utf-8', ...headers }
  return requestText('POST', '/realtime', told, [first, ...lines].join('\n'))
}

/** An upgrade with a hello in its subprotocols, or without subprotocols. */
export function upgradeText(hello: HelloOptions | string | null, headers: Headers = {}, target = '/realtime'): string {
  const text = typeof hello === 'string' ? hello : JSON.stringify(helloOf(hello ?? {}))
  const offered = `steadfast.v1, s.${Buffer.from(text).toString('base64url')}`
  return requestText('GET', target, {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...(hello === null ? {} : { 'Sec-WebSocket-Protocol': offered }),
    ...headers,
  })
}

export interface FrameOptions {
  readonly isFinal?: boolean
  /** The three reserved bits, 0 to 7. */
  readonly reserved?: number
  readonly isMasked?: boolean
  /** A false length in its header. */
  readonly claimedLength?: number
}

const longFrame = 4096

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** A WebSocket frame of a client, valid or not. */
export function webSocketFrame(opcode: number, payload: string | Uint8Array = '', options: FrameOptions = {}): Buffer {
  const { isFinal = true, reserved = 0, isMasked = true } = options
  const bytes = Buffer.from(payload)
  const length = options.claimedLength ?? bytes.length
  // A long payload is masked by zeros, which leaves it unchanged.
  const mask = Buffer.from(bytes.length > longFrame ? [0, 0, 0, 0] : [1, 2, 3, 4])
  const first = (isFinal ? 0x80 : 0) | (reserved << 4) | (opcode & 0xf)
  const masked = isMasked && bytes.length <= longFrame ? bytes.map((byte, index) => byte ^ (mask[index % 4] ?? 0)) : bytes
  return Buffer.concat([Buffer.from([first]), lengthBytes(length, isMasked), ...(isMasked ? [mask] : []), masked])
}

function lengthBytes(length: number, isMasked: boolean): Buffer {
  const bit = isMasked ? 0x80 : 0
  if (length < 126) return Buffer.from([bit | length])
  if (length < 65_536) return Buffer.from([bit | 126, length >> 8, length & 0xff])
  const bytes = Buffer.alloc(9)
  bytes[0] = bit | 127
  bytes.writeBigUInt64BE(BigInt(length), 1)
  return bytes
}
