import type { Host } from '../api/host.ts'
import type { Writable } from '../api/transport.ts'
import { bytesOf } from '../util/bytes-of.ts'
import { messageOf } from '../util/type-tags.ts'
import { within } from '../util/within.ts'
import { closeArgumentsOf, protocolsOf, urlOf } from './arguments.ts'
import { closeEvent, messageEvent } from './events.ts'
import { delayBefore, type Reconnection, reconnectionOf } from './reconnection.ts'
import { sentOf } from './sent.ts'
import { asInterface, type Socket, type SocketConstructor } from './socket-class.ts'

/** A value, or a function that returns one before each connect. */
export type Provided<Value> = Value | (() => Value | Promise<Value>)

/** The time that a function of the application has to return a URL or subprotocols, in milliseconds. */
const provideWithinMs = 30_000

/** A class in the shape of `reconnecting-websocket`, over sockets that end once and for good. */
export function reconnectingClass(Below: SocketConstructor, host: Host): new (...given: readonly unknown[]) => EventTarget {
  class ReconnectingSocket extends EventTarget {
    readonly #url: unknown
    readonly #protocols: unknown
    readonly #settings: Reconnection
    #socket: Socket | null = null
    /** Cancels the pending delay or connect; `null` if there is none. */
    #cancel: (() => void) | null = null
    #cancelUptime = () => {}
    #retries = -1
    #shouldReconnect: boolean
    #queue: Writable[] = []
    #binaryType = 'blob'

    constructor(...given: readonly unknown[]) {
      super()
      if (given.length === 0) throw new TypeError('ReconnectingSocket: the URL is missing.')
      const [url, protocols, options] = given
      // A mistake is thrown here, rather than by each connect.
      if (typeof url !== 'function') urlOf(url, host.baseUrl)
      if (typeof protocols !== 'function') protocolsOf(protocols ?? undefined)
      this.#url = url
      this.#protocols = protocols
      this.#settings = reconnectionOf(options, () => host.random())
      this.#shouldReconnect = !this.#settings.startClosed
      if (this.#shouldReconnect) this.#connect()
    }

    get url(): string {
      return this.#socket?.url ?? ''
    }

    get readyState(): number {
      if (this.#socket) return this.#socket.readyState
      return this.#shouldReconnect ? 0 : 3
    }

    get bufferedAmount(): number {
      return this.#queue.reduce((sum, data) => sum + bytesOf(data), this.#socket?.bufferedAmount ?? 0)
    }

    get extensions(): string {
      return this.#socket?.extensions ?? ''
    }

    get protocol(): string {
      return this.#socket?.protocol ?? ''
    }

    get retryCount(): number {
      return Math.max(this.#retries, 0)
    }

    get binaryType(): string {
      return this.#binaryType
    }

    set binaryType(type: unknown) {
      const text = `${type}`
      if (text !== 'blob' && text !== 'arraybuffer') return
      this.#binaryType = text
      if (this.#socket) this.#socket.binaryType = text
    }

    send(...given: readonly unknown[]): void {
      if (given.length === 0) throw new TypeError('ReconnectingSocket: send() needs what to send.')
      const [data] = given
      if (this.#socket?.readyState === 1) {
        this.#socket.send(data)
        return
      }
      const { maxEnqueuedMessages } = this.#settings
      if (this.#queue.length >= maxEnqueuedMessages)
        throw new RangeError(
          `ReconnectingSocket: send() cannot keep more than ${maxEnqueuedMessages} messages until it is open (maxEnqueuedMessages).`,
        )
      this.#queue.push(sentOf(data))
    }

    close(...[code = 1000, reason]: readonly unknown[]): void {
      closeArgumentsOf(code, reason)
      this.#shouldReconnect = false
      this.#stopWaiting()
      this.#socket?.close(code, reason)
    }

    /** Closes the connection, if there is one, and connects again, with all retries available. */
    reconnect(...[code = 1000, reason]: readonly unknown[]): void {
      const given = closeArgumentsOf(code, reason)
      this.#shouldReconnect = true
      this.#retries = -1
      this.#stopWaiting()
      const socket = this.#socket
      if (socket && socket.readyState !== 3) {
        this.#leave(socket)
        socket.close(code, reason)
        this.dispatchEvent(closeEvent({ code: given.code ?? 1000, reason: given.reason, wasClean: true, diagnosis: null }))
      }
      this.#connect()
    }

    #stopWaiting(): void {
      this.#cancel?.()
      this.#cancel = null
    }

    /** Stops listening to a socket. */
    #leave(socket: Socket): void {
      this.#cancelUptime()
      socket.onopen = socket.onmessage = socket.onerror = socket.onclose = null
    }

    #connect(): void {
      if (this.#cancel || this.#retries >= this.#settings.maxRetries) return
      this.#retries += 1
      this.#cancel = host.after(delayBefore(this.#retries, this.#settings), () => {
        const stop = new AbortController()
        this.#cancel = () => stop.abort()
        this.#dial(stop.signal).catch((error) => {
          if (stop.signal.aborted) return
          this.#cancel = null
          this.dispatchEvent(Object.assign(new Event('error'), { error, message: messageOf(error) }))
          if (this.#shouldReconnect) this.#connect()
        })
      })
    }

    async #dial(signal: AbortSignal): Promise<void> {
      const url = await provided(this.#url, 'URL', host, signal)
      const protocols = await provided(this.#protocols, 'subprotocols', host, signal)
      if (signal.aborted) return
      const socket = new Below(url, protocols ?? [])
      this.#cancel = null
      this.#socket = socket
      socket.binaryType = this.#binaryType
      socket.onopen = () => this.#opened(socket)
      socket.onmessage = ({ data }) => this.dispatchEvent(messageEvent(data, new URL(socket.url).origin))
      socket.onerror = () => this.dispatchEvent(new Event('error'))
      socket.onclose = (end) => {
        this.#leave(socket)
        if (this.#shouldReconnect) this.#connect()
        this.dispatchEvent(closeEvent(end))
      }
    }

    #opened(socket: Socket): void {
      this.#cancelUptime = host.after(this.#settings.minUptime, () => {
        this.#retries = 0
      })
      for (const data of this.#queue.splice(0)) socket.send(data)
      this.dispatchEvent(new Event('open'))
    }
  }
  asInterface(ReconnectingSocket, 'ReconnectingSocket')
  return ReconnectingSocket
}

/** The value that the application gave, or the result of its function. */
async function provided(given: unknown, what: string, host: Host, signal: AbortSignal): Promise<unknown> {
  if (typeof given !== 'function') return given
  const late = () => {
    throw new Error(`ReconnectingSocket: the function that returns the ${what} has not settled in ${provideWithinMs} ms.`)
  }
  return within(Promise.resolve(given()), provideWithinMs, host, late, signal)
}
