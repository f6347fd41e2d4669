import { connect, type Socket } from 'node:net'
import { type Request, readRequest, withField } from './request.ts'

/** How long a connection is open before the fault affects it. */
export const openForMs = 450

const headEnd = '\r\n\r\n'
const closeOpcode = 8

/** The requests that are affected, and how; all others pass unchanged. */
export interface Rule {
  /** The port on 127.0.0.1 to which everything else passes. Default: that of the deployment's server */
  readonly port?: number
  /** Called with every connection; returns whether it has dealt with it. */
  readonly accept?: (client: Socket) => boolean
  readonly catches: (request: Request) => boolean
  readonly strike: (passage: Passage) => void
}

/**
 * One connection through a front: each request is passed to the server, or the fault is applied to it.
 *
 * The server is dialled with the first request that passes, so that it never sees faulty requests before that.
 */
export class Passage {
  request: Request = { method: '', path: '', head: '', body: '', isUpgrade: false, origin: '' }
  readonly client: Socket
  readonly #rule: Rule
  readonly #port: number
  readonly #timers = new Set<NodeJS.Timeout>()
  #server: Socket | undefined
  #unread = ''
  #isUpgraded = false
  #isSevered = false
  #takeUp: ((bytes: Buffer) => void) | undefined
  #takeDown: ((bytes: Buffer) => void) | undefined

  constructor(client: Socket, port: number, rule: Rule) {
    this.client = client
    this.#port = port
    this.#rule = rule
    client.on('data', (bytes: Buffer) => this.#fromClient(bytes))
    client.on('end', () => {
      // If nothing will answer the FIN, it ends the connection.
      if (this.#isSevered || !this.#server) client.destroy()
      else this.#server.end()
    })
    client.on('error', () => {}) // 'close' follows
    client.on('close', (hasFailed) => {
      for (const timer of this.#timers) clearTimeout(timer)
      if (hasFailed && !this.#isSevered) this.#server?.resetAndDestroy()
      else this.#server?.destroy()
    })
  }

  /** Passes the request to the server, unchanged or with another head. */
  pass(head: string = this.request.head): void {
    this.#toServer(Buffer.from(head + this.request.body, 'latin1'))
  }

  /** Answers the request in place of the server. */
  answer(text: string): void {
    this.#isSevered = true
    this.client.end(text, 'latin1')
  }

  reset(): void {
    this.#isSevered = true
    this.#server?.destroy()
    this.client.resetAndDestroy()
  }

  /** Sends FIN to both sides. */
  finish(): void {
    this.#isSevered = true
    this.#server?.destroy()
    this.client.end()
  }

  /** Nothing passes any more in either direction, while both connections stay open. */
  sever(): void {
    this.#isSevered = true
    this.#server?.on('close', () => this.client.destroy())
  }

  toClient(bytes: Buffer | string): void {
    if (this.client.writable) this.client.write(bytes, 'latin1')
  }

  later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      run()
    }, ms)
    this.#timers.add(timer)
  }

  /** Passes the request, and its answer to these two callbacks. */
  passAnswer(onHead: (head: string) => void, onBody: (bytes: Buffer) => void, head?: string): void {
    let read = ''
    this.#takeDown = (bytes) => {
      read += bytes.toString('latin1')
      const end = read.indexOf(headEnd)
      if (end < 0) return
      this.#takeDown = onBody
      onHead(read.slice(0, end + headEnd.length))
      if (read.length > end + headEnd.length) onBody(Buffer.from(read.slice(end + headEnd.length), 'latin1'))
    }
    this.pass(head)
  }

  /** Passes the request, and its answer with a changed head. */
  passChanged(change: (head: string) => string): void {
    this.passAnswer(
      (head) => this.toClient(change(head)),
      (bytes) => this.toClient(bytes),
    )
  }

  /** Passes the request and its answer; a little later applies the fault. */
  passThen(strike: () => void): void {
    this.passChanged((head) => {
      this.later(openForMs, strike)
      return head
    })
  }

  /** Like `passAnswer`, with a body without chunked framing, which HTTP/1.0 does not have. */
  passUnframed(onHead: (head: string) => void, onBody: (bytes: Buffer) => void): void {
    this.passAnswer(onHead, onBody, withField(this.request.head.replace(' HTTP/1.1\r\n', ' HTTP/1.0\r\n'), 'Connection', 'close'))
  }

  /** Closes like a server: sends a Close frame, no frame after it, and FIN when the client has sent its own Close frame. */
  closeAsServer(frame: Buffer): void {
    this.#takeDown = () => {}
    this.#takeUp = (bytes) => {
      if (hasClose(bytes)) this.finish()
    }
    this.toClient(frame)
  }

  #fromClient(bytes: Buffer): void {
    if (this.#isSevered) return
    if (this.#isUpgraded) {
      if (this.#takeUp) this.#takeUp(bytes)
      else this.#toServer(bytes)
      return
    }
    this.#unread += bytes.toString('latin1')
    for (let read = readRequest(this.#unread); read && !this.#isSevered; read = readRequest(this.#unread)) {
      this.#unread = read.rest
      this.request = read.request
      this.#isUpgraded = read.request.isUpgrade
      this.#takeDown = undefined
      if (this.#rule.catches(read.request)) this.#rule.strike(this)
      else this.pass()
    }
  }

  #toServer(bytes: Buffer): void {
    this.#server ??= this.#dial()
    if (this.#server.writable) this.#server.write(bytes)
  }

  #dial(): Socket {
    const server = connect({ host: '127.0.0.1', port: this.#port, noDelay: true, allowHalfOpen: true })
    server.on('data', (bytes: Buffer) => {
      if (this.#isSevered) return
      if (this.#takeDown) this.#takeDown(bytes)
      else this.toClient(bytes)
    })
    server.on('end', () => {
      if (!this.#isSevered) this.client.end()
    })
    server.on('error', () => {})
    return server
  }
}

/** Whether there is a Close frame among the masked frames of a client. */
function hasClose(bytes: Buffer): boolean {
  for (let at = 0; at + 2 <= bytes.length; ) {
    if (((bytes[at] ?? 0) & 15) === closeOpcode) return true
    const short = (bytes[at + 1] ?? 0) & 127
    const isMedium = short === 126 && at + 4 <= bytes.length
    at += 2 + (isMedium ? 2 + bytes.readUInt16BE(at + 2) : short) + 4
  }
  return false
}
