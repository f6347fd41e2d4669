import type { Connection, Network, PageEnd } from './network.ts'
import { requestKindOf } from './request-kinds.ts'

type Data = string | ArrayBuffer
type Listener<Event> = ((event: Event) => void) | null

/** The events that a node's side of a socket can raise in the page. */
export interface SocketEnd extends PageEnd {
  accepted(protocol: string): void
  received(data: string | Uint8Array): void
  closed(code: number, reason: string): void
}

/** The events that the page's side of a socket can raise in the node, which sets this listener. */
export interface SocketListener {
  received(data: string | Uint8Array): void
  closed(code: number, reason: string): void
}

export const listeners = new WeakMap<Connection, SocketListener>()
export const sockets = new WeakMap<Connection, SocketEnd>()

/** The page's `WebSocket` class, on this network. */
export function webSocketOf(network: Network): new (url: string, protocols?: string[]) => object {
  return class VirtualWebSocket implements SocketEnd {
    binaryType: BinaryType = 'blob'
    protocol = ''
    readyState = 0
    onopen: Listener<object> = null
    onmessage: Listener<{ readonly data: Data }> = null
    onerror: Listener<object> = null
    onclose: Listener<{ readonly code: number; readonly reason: string; readonly wasClean: boolean }> = null
    readonly #connection: Connection

    constructor(address: string, protocols: string[] = []) {
      const url = new URL(address)
      const { conditions } = network
      this.#connection = network.dial(requestKindOf(url), this, (connection, door) => {
        sockets.set(connection, this)
        connection.up.push(600, () => door.upgrade(connection, url, protocols), 2 * conditions.latencyMs)
      })
    }

    get bufferedAmount(): number {
      return this.#connection.up.waiting
    }

    send(data: Data): void {
      if (this.readyState === 0) throw new DOMException('it is still connecting', 'InvalidStateError')
      if (this.readyState > 1) return
      const copy = typeof data === 'string' ? data : new Uint8Array(data.slice(0))
      const connection = this.#connection
      connection.up.push(6 + copy.length, () => listeners.get(connection)?.received(copy))
    }

    close(code = 1005, reason = ''): void {
      if (this.readyState > 1) return
      const connection = this.#connection
      connection.isHeld = false
      if (this.readyState === 0) {
        connection.down.cut(0, null)
        connection.up.cut(1, () => connection.server?.broke())
        this.readyState = 2
        network.clock.after(network.pageBeing, 0, () => this.#end(1006, '', false))
        return
      }
      this.readyState = 2
      connection.up.push(8 + reason.length, () => listeners.get(connection)?.closed(code, reason))
    }

    accepted(protocol: string): void {
      if (this.readyState !== 0) return
      this.readyState = 1
      this.protocol = protocol
      // A middlebox passes the handshake, and nothing after it.
      if (network.swallows(this.#connection)) this.#connection.break(0, 0, 'nobody')
      this.onopen?.({ type: 'open' })
    }

    received(data: string | Uint8Array): void {
      if (this.readyState !== 1) return
      this.onmessage?.({ data: typeof data === 'string' ? data : new Uint8Array(data).buffer })
    }

    closed(code: number, reason: string): void {
      if (this.readyState === 3) return
      this.#connection.isOver = true
      this.#end(code, reason, true)
    }

    broke(): void {
      this.#connection.isOver = true
      this.#end(1006, '', false)
    }

    answered(): void {
      this.broke()
    }

    #end(code: number, reason: string, wasClean: boolean): void {
      if (this.readyState === 3) return
      this.readyState = 3
      this.#connection.isHeld = false
      if (!wasClean) this.onerror?.({ type: 'error' })
      this.onclose?.({ code, reason, wasClean })
    }
  }
}
