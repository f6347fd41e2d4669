/**
 * What can be done to one visitor's connections, without disturbing anybody else's. Every browser page sends a key of its own
 * in the query; what was set for it stays set, also over a restart of the server, until it is undone.
 */

/** The faults by name, each with the transports whose running connections end when it is set. */
export const faults = {
  /** The upgrade is answered by 403, as strict proxies do. */
  'refuse-websocket': ['websocket'],
  /** The upgrade is never answered. */
  'swallow-websocket': ['websocket'],
  /** The handshake passes, and 150 ms later the connection is reset. */
  'kill-websocket': ['websocket'],
  /** Event streams are reset. */
  'block-sse': ['sse'],
  /** Held requests are reset; requests that are answered at once pass. */
  'block-long-poll': ['long-poll'],
  /** Everything is reset. */
  cut: ['websocket', 'sse', 'long-poll', 'poll'],
}

const maxVisitors = 1000

export class Harm {
  #faults = new Map()
  #connections = new Set()

  /** The names of the faults that are set for this visitor. */
  of(visitor) {
    return [...(this.#faults.get(visitor) ?? [])]
  }

  has(visitor, fault) {
    return this.#faults.get(visitor)?.has(fault) ?? false
  }

  /** Sets or undoes a fault. What it stands against ends at once, or the visitor would wait in vain for something to happen. */
  set(visitor, fault, isOn) {
    const set = this.#faults.get(visitor) ?? new Set()
    if (isOn) set.add(fault)
    else set.delete(fault)
    this.#faults.delete(visitor)
    if (set.size > 0) this.#faults.set(visitor, set)
    // Nobody tells us that a visitor is gone for good: the one whose last change is the oldest is forgotten.
    if (this.#faults.size > maxVisitors) this.#faults.delete(this.#faults.keys().next().value)
    if (!isOn) return
    for (const connection of [...this.#connections]) {
      if (connection.visitor === visitor && faults[fault].includes(connection.transport)) connection.socket.resetAndDestroy()
    }
  }

  heal(visitor) {
    this.#faults.delete(visitor)
  }

  /** Notes a running connection or request, so that it can be ended; it is forgotten when its socket or answer is done. */
  watch(visitor, transport, socket, done) {
    const connection = { visitor, transport, socket }
    this.#connections.add(connection)
    done.once('close', () => this.#connections.delete(connection))
  }

  /** Resets a request that a fault stands against, and says whether it did. */
  stops(visitor, transport, socket) {
    const fault = { sse: 'block-sse', 'long-poll': 'block-long-poll' }[transport]
    if (!this.has(visitor, 'cut') && !(fault && this.has(visitor, fault))) return false
    socket.resetAndDestroy()
    return true
  }

  /** Does to an upgrade what is to be done to it. Returns whether the handshake may go on. */
  admits(visitor, socket) {
    if (this.stops(visitor, 'websocket', socket)) return false
    if (this.has(visitor, 'refuse-websocket')) {
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
      return false
    }
    if (this.has(visitor, 'swallow-websocket')) {
      // Nobody reads this socket, so only a limit ends it if the visitor never hangs up.
      socket.setTimeout(60_000, () => socket.destroy())
      socket.resume()
      return false
    }
    if (this.has(visitor, 'kill-websocket')) {
      const timer = setTimeout(() => socket.resetAndDestroy(), 150)
      socket.once('close', () => clearTimeout(timer))
    }
    return true
  }
}
