import { connect, type Socket } from 'node:net'
import { type Request, readRequest, withField } from './request.ts'

/** How long a connection has been open when it is struck. */
export const openForMs = 450

const headEnd = '\r\n\r\n'
const closeOpcode = 8

/** Which requests are struck, and how; all others pass untouched. */
export interface Rule {
  /** Of another server on 127.0.0.1, to which everything passes. Default: the deployment's own */
  readonly port?: number
  /** Told of every connection; whether that was all. */
  readonly accept?: (client: Socket) => boolean
  readonly catches: (request: Request) => boolean
  readonly strike: (passage: Passage) => void
}

/**
 * One connection through a front: request by request it is passed to the server, or struck.
 *
 * The server is dialled with the first request that passes, so that it never hears of what is struck before.
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
      // Where nobody will answer the FIN, the connection is over with it.
      if (this.#isSevered || !this.#server) client.destroy()
      else this.#server.end()
    })
    client.on('error', () => {}) // 'close' follows and says so
    client.on('close', (hasFailed) => {
      for (const timer of this.#timers) clearTimeout(timer)
      if (hasFailed && !this.#isSevered) this.#server?.resetAndDestroy()
      else this.#server?.destroy()
    })
  }

  /** To the server, as it is or with another head. */
  pass(head: string = this.request.head): void {
    this.#toServer(Buffer.from(head + this.request.body, 'latin1'))
  }

  /** In place of the server. */
  answer(text: string): void {
    this.#isSevered = true
    this.client.end(text, 'latin1')
  }

  reset(): void {
    this.#isSevered = true
    this.#server?.destroy()
    this.client.resetAndDestroy()
  }

  /** FIN, towards both. */
  finish(): void {
    this.#isSevered = true
    this.#server?.destroy()
    this.client.end()
  }

  /** Nothing passes any more, in neither direction, while both connections stay. */
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

  /** Passes the request, and of its answer what comes of these two. */
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

  /** The head of the answer is changed on its way back; what follows is not. */
  passChanged(change: (head: string) => string): void {
    this.passAnswer(
      (head) => this.toClient(change(head)),
      (bytes) => this.toClient(bytes),
    )
  }

  /** The connection opens as it should, and is struck a little later. */
  passThen(strike: () => void): void {
    this.passChanged((head) => {
      this.later(openForMs, strike)
      return head
    })
  }

  /** The same with the answer's body without its chunks. HTTP/1.0 knows none. */
  passUnframed(onHead: (head: string) => void, onBody: (bytes: Buffer) => void): void {
    this.passAnswer(onHead, onBody, withField(this.request.head.replace(' HTTP/1.1\r\n', ' HTTP/1.0\r\n'), 'Connection', 'close'))
  }

  /** A Close frame as a server says it: no frame follows, and when the client has said its own, FIN does. */
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
