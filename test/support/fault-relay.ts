import { STATUS_CODES } from 'node:http'
import { connect, type Socket } from 'node:net'
import { DelayLine } from './delay-line.ts'
import { type Fault, type FaultOf, findFault, type RequestKind } from './fault.ts'
import { type RequestPiece, RequestReader, ResponseReader } from './http-heads.ts'

export interface RelayOptions {
  readonly target: { readonly host: string; readonly port: number }
  /** The faults in force now. */
  readonly faults: () => readonly Fault[]
  readonly onRequest: (kind: RequestKind, path: string) => void
  /** Called when both sides are closed. */
  readonly onGone: () => void
}

/** The bytes that a slow link sends at a time, and the bytes that it queues before it pauses the sender. */
const slowPieceBytes = 4096
const slowQueueBytes = 65_536

/**
 * One connection through the proxy.
 *
 * The server is dialled with the first request that passes, so that it never sees what the proxy refuses or swallows, as behind
 * a real middlebox.
 */
export class Relay {
  /** The kind of the latest request. */
  kind: RequestKind | undefined
  #path = ''

  readonly #client: Socket
  readonly #options: RelayOptions
  readonly #acceptedAt = performance.now()
  readonly #requests = new RequestReader()
  readonly #up = new DelayLine()
  readonly #down = new DelayLine()
  /** When a slow link will have sent all that it was given, and how many bytes of it are queued. */
  readonly #slow = { up: { freeAt: 0, bytes: 0 }, down: { freeAt: 0, bytes: 0 } }
  #server: Socket | undefined
  #answer = new ResponseReader()
  #held: Buffer[] = []
  #openedAt: number | undefined
  #killTimer: NodeJS.Timeout | undefined
  /** Neither bytes nor FIN nor RST pass any more. Final, since a byte stream with missing bytes is of no use. */
  #severed = false

  constructor(client: Socket, options: RelayOptions) {
    this.#client = client
    this.#options = options
    client.on('data', (chunk) => this.#fromClient(chunk))
    client.on('end', () => this.#clientEnded())
    client.on('drain', () => this.#server?.resume())
    client.on('error', () => {}) // 'close' follows
    client.on('close', (failed) => {
      this.#pass('up', () => (failed ? this.#server?.resetAndDestroy() : this.#server?.destroy()))
      this.#checkGone()
    })
  }

  get alive(): boolean {
    return !this.#client.destroyed
  }

  /** Sends RST on both sides. */
  reset(): void {
    this.#forgetAllTimers()
    this.#client.resetAndDestroy()
    this.#server?.resetAndDestroy()
  }

  destroy(): void {
    this.#forgetAllTimers()
    this.#client.destroy()
    this.#server?.destroy()
  }

  /** Applies the faults that are now in force to an open connection. */
  faultsChanged(): void {
    if (this.#fault('half-open') !== undefined) {
      this.#up.clear()
      this.#down.clear()
      this.#severed = true
    }
    if (this.#openedAt !== undefined) this.#applyToOpen()
    if (this.#fault('buffer') === undefined) this.#release()
  }

  #clientEnded(): void {
    // If no server will ever answer the FIN, it ends the connection for the client.
    if (this.#severed) this.#client.destroy()
    else this.#pass('up', () => (this.#server ?? this.#client).end())
  }

  #fromClient(chunk: Buffer): void {
    for (const piece of this.#requests.feed(chunk)) {
      if (piece.type === 'head') this.#request(piece)
      else this.#toServer(piece.bytes)
    }
  }

  #request(head: Extract<RequestPiece, { type: 'head' }>): void {
    this.#options.onRequest(head.kind, head.path)
    this.kind = head.kind
    this.#path = head.path
    this.#answer = new ResponseReader()
    this.#openedAt = undefined
    clearTimeout(this.#killTimer)
    const refusal = head.kind === 'websocket' ? this.#fault('refuse-upgrade') : undefined
    const swallowed = head.kind === 'websocket' && this.#fault('swallow-upgrade') !== undefined
    if (this.#fault('reset') !== undefined) this.reset()
    else if (this.#fault('hang') !== undefined || swallowed) this.#severed = true
    else if (refusal !== undefined) this.#refuse(refusal.status)
    else this.#toServer(head.bytes)
  }

  #refuse(status: number): void {
    const answer = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`
    this.#pass('up', () => this.#pass('down', () => this.#client.end(answer)))
  }

  #toServer(bytes: Buffer): void {
    for (const piece of this.#pieces(bytes)) {
      this.#pass(
        'up',
        () => {
          this.#server ??= this.#dial()
          if (!this.#server.write(piece)) this.#client.pause()
        },
        piece.length,
      )
    }
  }

  #dial(): Socket {
    const server = connect({ ...this.#options.target, allowHalfOpen: true, noDelay: true })
    server.on('data', (chunk) => this.#fromServer(chunk))
    server.on('end', () => {
      this.#release()
      this.#pass('down', () => this.#client.end())
    })
    server.on('drain', () => this.#client.resume())
    server.on('error', () => {})
    server.on('close', (failed) => {
      this.#pass('down', () => (failed ? this.#client.resetAndDestroy() : this.#client.end()))
      this.#checkGone()
    })
    return server
  }

  #fromServer(chunk: Buffer): void {
    if (this.#severed) return
    const opened = this.#answer.status
    const headSize = this.#answer.feed(chunk)
    const opens = opened === undefined && this.#answer.status !== undefined && this.#isOpening(this.#answer.status)
    const swallows = opens && this.#fault('swallow-frames') !== undefined
    this.#held.push(swallows ? chunk.subarray(0, headSize) : chunk)
    const buffer = this.kind === 'websocket' ? undefined : this.#fault('buffer')
    const size = this.#held.reduce((sum, { length }) => sum + length, 0)
    if (buffer === undefined || this.#answer.ended || size >= (buffer.bytes ?? Number.POSITIVE_INFINITY)) this.#release()
    if (opens) this.#pass('down', () => this.#opened())
    if (swallows) this.#severed = true
  }

  /** Whether this status opens the connection: an upgrade opens by a 101 only. */
  #isOpening(status: number): boolean {
    return this.kind !== 'websocket' || status === 101
  }

  #opened(): void {
    this.#openedAt = performance.now()
    this.#applyToOpen()
  }

  #applyToOpen(): void {
    clearTimeout(this.#killTimer)
    const kill = this.#fault('kill-after-open')
    const age = performance.now() - (this.#openedAt ?? 0)
    if (kill !== undefined) this.#killTimer = setTimeout(() => this.reset(), Math.max(0, kill.ms - age))
    if (this.#fault('swallow-frames') !== undefined) this.#severed = true
  }

  /** Forwards the bytes that a buffering proxy has held. */
  #release(): void {
    const bytes = Buffer.concat(this.#held.splice(0))
    for (const piece of this.#pieces(bytes)) {
      this.#pass(
        'down',
        () => {
          if (!this.#client.write(piece)) this.#server?.pause()
        },
        piece.length,
      )
    }
  }

  #pass(way: 'up' | 'down', act: () => void, size = 0): void {
    if (this.#severed) return
    const ms = this.#fault('delay')?.ms ?? 0
    const handshakeOver = this.#acceptedAt + 2 * ms
    const line = way === 'up' ? this.#up : this.#down
    const due = Math.max(performance.now(), handshakeOver) + ms
    const slow = this.#fault('slow')
    if (slow) line.push(this.#carried(way, act, size), Math.max(due, this.#freeAt(way, size, slow.bytesPerSecond)))
    else line.push(act, due)
  }

  /** When a slow link will have sent this many bytes more. */
  #freeAt(way: 'up' | 'down', size: number, bytesPerSecond: number): number {
    const link = this.#slow[way]
    link.freeAt = Math.max(link.freeAt, performance.now()) + (size / bytesPerSecond) * 1000
    link.bytes += size
    if (link.bytes > slowQueueBytes) this.#source(way)?.pause()
    return link.freeAt
  }

  #carried(way: 'up' | 'down', act: () => void, size: number): () => void {
    return () => {
      const link = this.#slow[way]
      link.bytes -= size
      if (link.bytes <= slowQueueBytes) this.#source(way)?.resume()
      act()
    }
  }

  #source(way: 'up' | 'down'): Socket | undefined {
    return way === 'up' ? this.#client : this.#server
  }

  /** A slow link sends small pieces; all others send chunks as they come. */
  #pieces(bytes: Buffer): Buffer[] {
    if (!this.#fault('slow')) return [bytes]
    return Array.from({ length: Math.ceil(bytes.length / slowPieceBytes) }, (_, index) =>
      bytes.subarray(index * slowPieceBytes, (index + 1) * slowPieceBytes),
    )
  }

  #fault<Type extends Fault['type']>(type: Type): FaultOf<Type> | undefined {
    return findFault(this.#options.faults(), type, this.kind, this.#path)
  }

  #forgetAllTimers(): void {
    clearTimeout(this.#killTimer)
    this.#up.clear()
    this.#down.clear()
  }

  #checkGone(): void {
    if (!this.#client.destroyed || (this.#server !== undefined && !this.#server.destroyed)) return
    this.#forgetAllTimers()
    this.#options.onGone()
  }
}
