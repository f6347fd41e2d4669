import type { Host } from '../api/host.ts'
import type { RealtimeOptions } from '../api/options.ts'
import type { Payload } from '../api/protocol.ts'
import { writableOf } from '../client/writable.ts'
import { isBlob, isBuffer } from '../util/type-tags.ts'
import { wellFormed } from '../util/well-formed.ts'
import { closeArgumentsOf, protocolsOf, urlOf } from './arguments.ts'
import { defineHandlers } from './event-handlers.ts'
import { closeEvent, messageEvent } from './events.ts'
import { SocketConnection, type SocketEnd } from './socket-connection.ts'

/** The interface of a socket for another class. */
export interface Socket extends EventTarget {
  readonly url: string
  readonly readyState: number
  readonly bufferedAmount: number
  readonly extensions: string
  readonly protocol: string
  binaryType: string
  onopen: (() => void) | null
  onmessage: ((event: { readonly data: string | ArrayBuffer | Blob }) => void) | null
  onerror: (() => void) | null
  onclose: ((event: SocketEnd) => void) | null
  send(data: unknown): void
  close(code?: unknown, reason?: unknown): void
}

export type SocketConstructor = new (...given: readonly unknown[]) => Socket

const states = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED']
const [connecting, open, closing, closed] = [0, 1, 2, 3]

/** A class in the shape of `WebSocket`. It is created on demand: `EventTarget` may be defined late, and tests replace it. */
export function socketClass(options: RealtimeOptions, host: Host): new (...given: readonly unknown[]) => EventTarget {
  class Socket extends EventTarget {
    readonly #url: URL
    readonly #connection: SocketConnection
    #state = connecting
    #protocol = ''
    #binaryType = 'blob'

    constructor(...given: readonly unknown[]) {
      super()
      if (given.length === 0) throw new TypeError('WebSocket: the URL is missing.')
      const url = urlOf(given[0], host.baseUrl)
      this.#url = url
      const listener = {
        opened: (protocol: string) => {
          this.#protocol = protocol
          this.#state = open
          this.dispatchEvent(new Event('open'))
        },
        received: (data: Payload) => {
          if (this.#state === open) this.dispatchEvent(messageEvent(this.#readable(data), url.origin))
        },
        ended: (end: Parameters<typeof closeEvent>[0]) => {
          this.#state = closed
          if (!end.wasClean) this.dispatchEvent(new Event('error'))
          this.dispatchEvent(closeEvent(end))
        },
      }
      this.#connection = new SocketConnection({ url, protocols: protocolsOf(given[1]), options, host }, listener)
    }

    get url(): string {
      return this.#url.href
    }

    get readyState(): number {
      return this.#state
    }

    get bufferedAmount(): number {
      return this.#connection.bufferedBytes
    }

    get extensions(): string {
      return ''
    }

    get protocol(): string {
      return this.#protocol
    }

    get binaryType(): string {
      return this.#binaryType
    }

    /** Other values are ignored, as by every enumeration of Web IDL. */
    set binaryType(type: unknown) {
      const text = `${type}`
      if (text === 'blob' || text === 'arraybuffer') this.#binaryType = text
    }

    send(...given: readonly unknown[]): void {
      if (given.length === 0) throw new TypeError('WebSocket: send() needs what to send.')
      const [data] = given
      const isBinary = isBlob(data) || isBuffer(data) || ArrayBuffer.isView(data)
      const written = isBinary ? writableOf(data) : wellFormed(`${data}`)
      if (this.#state === connecting)
        throw new DOMException('WebSocket: send() has to wait for `open`; it is still connecting.', 'InvalidStateError')
      this.#connection.send(written)
    }

    close(...[code, reason]: readonly unknown[]): void {
      const end = closeArgumentsOf(code, reason)
      if (this.#state >= closing) return
      this.#state = closing
      this.#connection.close(end)
    }

    #readable(data: Payload): string | ArrayBuffer | Blob {
      return typeof data === 'string' || this.#binaryType === 'arraybuffer' ? data : new Blob([data])
    }
  }
  asInterface(Socket, 'WebSocket')
  return Socket
}

/** Gives a class the names, argument counts, constants and enumerable members that Web IDL demands. */
export function asInterface(Socket: { readonly prototype: object }, interfaceName: string): void {
  const { prototype } = Socket
  defineHandlers(prototype, ['open', 'error', 'close', 'message'])
  for (const [value, name] of states.entries()) {
    for (const owner of [Socket, prototype]) Object.defineProperty(owner, name, { value, enumerable: true })
  }
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (name !== 'constructor' && descriptor.configurable)
      Object.defineProperty(prototype, name, { ...descriptor, enumerable: true })
  }
  Object.defineProperty(prototype, Symbol.toStringTag, { value: interfaceName, configurable: true })
  Object.defineProperty(Reflect.get(prototype, 'send'), 'length', { value: 1, configurable: true })
  Object.defineProperty(Socket, 'name', { value: interfaceName, configurable: true })
  Object.defineProperty(Socket, 'length', { value: 1, configurable: true })
}
