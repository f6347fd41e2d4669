import type { Host } from '../api/host.ts'
import type { RealtimeOptions } from '../api/options.ts'
import type { Payload } from '../api/protocol.ts'
import { closeArgumentsOf, protocolsOf, urlOf } from './arguments.ts'
import { defineHandlers } from './event-handlers.ts'
import { closeEvent, messageEvent } from './events.ts'
import { sentOf } from './sent.ts'
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

/** The state of one socket. */
interface Own {
  readonly url: URL
  readonly connection: SocketConnection
  state: number
  protocol: string
  binaryType: string
}

/** A class in the shape of `WebSocket`. It is created on demand: `EventTarget` may be defined late, and tests replace it. */
export function socketClass(options: RealtimeOptions, host: Host): new (...given: readonly unknown[]) => EventTarget {
  // Not in private members: in a build for older browsers those are own properties, which a WebSocket does not have.
  const owns = new WeakMap<object, Own>()
  const ownOf = (socket: object): Own => {
    const own = owns.get(socket)
    if (!own) throw new TypeError('Illegal invocation')
    return own
  }
  class Socket extends EventTarget {
    constructor(...given: readonly unknown[]) {
      super()
      if (given.length === 0) throw new TypeError('WebSocket: the URL is missing.')
      const url = urlOf(given[0], host.baseUrl)
      const listener = {
        opened: (protocol: string) => {
          own.protocol = protocol
          own.state = open
          this.dispatchEvent(new Event('open'))
        },
        received: (data: Payload) => {
          if (own.state !== open) return
          const isAsItIs = typeof data === 'string' || own.binaryType === 'arraybuffer'
          this.dispatchEvent(messageEvent(isAsItIs ? data : new Blob([data]), url.origin))
        },
        ended: (end: Parameters<typeof closeEvent>[0]) => {
          own.state = closed
          if (!end.wasClean) this.dispatchEvent(new Event('error'))
          this.dispatchEvent(closeEvent(end))
        },
      }
      const connection = new SocketConnection({ url, protocols: protocolsOf(given[1]), options, host }, listener)
      const own: Own = { url, connection, state: connecting, protocol: '', binaryType: 'blob' }
      owns.set(this, own)
    }

    get url(): string {
      return ownOf(this).url.href
    }

    get readyState(): number {
      return ownOf(this).state
    }

    get bufferedAmount(): number {
      return ownOf(this).connection.bufferedBytes
    }

    get extensions(): string {
      return ownOf(this) && ''
    }

    get protocol(): string {
      return ownOf(this).protocol
    }

    get binaryType(): string {
      return ownOf(this).binaryType
    }

    /** Other values are ignored, as by every enumeration of Web IDL. */
    set binaryType(type: unknown) {
      const own = ownOf(this)
      const text = `${type}`
      if (text === 'blob' || text === 'arraybuffer') own.binaryType = text
    }

    send(...given: readonly unknown[]): void {
      const { connection, state } = ownOf(this)
      if (given.length === 0) throw new TypeError('WebSocket: send() needs what to send.')
      const written = sentOf(given[0])
      if (state === connecting)
        throw new DOMException('WebSocket: send() has to wait for `open`; it is still connecting.', 'InvalidStateError')
      connection.send(written)
    }

    close(...[code, reason]: readonly unknown[]): void {
      const own = ownOf(this)
      const end = closeArgumentsOf(code, reason)
      if (own.state >= closing) return
      own.state = closing
      own.connection.close(end)
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
