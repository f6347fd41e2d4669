import { STATUS_CODES } from 'node:http'
import { connect, type Socket } from 'node:net'
import { DelayLine } from './delay-line.ts'
import { type Fault, type FaultOf, findFault, type RequestKind } from './fault.ts'
import { type RequestPiece, RequestReader, ResponseReader } from './http-heads.ts'

export interface RelayOptions {
  readonly target: { readonly host: string; readonly port: number }
  /** The faults in force at this instant. */
  readonly faults: () => readonly Fault[]
  readonly onRequest: (kind: RequestKind, path: string) => void
  /** Neither side is alive any more. */
  readonly onGone: () => void
}

/** What a slow link takes at once, and what may wait for it before the sender is made to wait. */
const slowPieceBytes = 4096
const slowQueueBytes = 65_536

/**
 * One connection through the proxy.
 *
 * The server is dialled with the first request that is let through, so that what the proxy refuses or swallows is never seen
 * by the server, as behind a real middlebox.
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
  /** When a slow link has carried what it was given, and how much of that waits. */
  readonly #slow = { up: { freeAt: 0, bytes: 0 }, down: { freeAt: 0, bytes: 0 } }
  #server: Socket | undefined
  #answer = new ResponseReader()
  #held: Buffer[] = []
  #openedAt: number | undefined
  #killTimer: NodeJS.Timeout | undefined
  /** Nothing passes any more, neither bytes nor FIN nor RST; final, since a stream with a hole in it is of no use. */
  #severed = false

  constructor(client: Socket, options: RelayOptions) {
    this.#client = client
    this.#options = options
    client.on('data', (chunk) => this.#fromClient(chunk))
    client.on('end', () => this.#clientEnded())
    client.on('drain', () => this.#server?.resume())
    client.on('error', () => {}) // 'close' follows and says so
    client.on('close', (failed) => {
      this.#pass('up', () => (failed ? this.#server?.resetAndDestroy() : this.#server?.destroy()))
      this.#checkGone()
    })
  }

  get alive(): boolean {
    return !this.#client.destroyed
  }

  /** RST on both sides. */
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

  /** Brings a living connection under the faults that are in force now. */
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
    // Where no server will ever answer the FIN, the connection is over for the client with it.
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

  /** An upgrade is open by its 101 alone; a server's own refusal is none of our business. */
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

  /** Lets go of what a buffering proxy would hold. */
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

  /** When a slow link will have carried so much more. */
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

  /** A slow link carries a little at a time; all others whatever comes. */
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
