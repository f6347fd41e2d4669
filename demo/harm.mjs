/**
 * The faults of one visitor's connections, without effect on those of others. Every browser page sends a key of its own in the
 * query; faults set for it stay set, also over a restart of the server, until they are undone.
 */
import {
  answerBusy,
  answerPortal,
  damageFrame,
  damageHandshake,
  holdBack,
  stall,
  strippedOf,
  tear,
  whenStreaming,
} from './damage.mjs'

const everything = ['websocket', 'sse', 'long-poll', 'poll']

/**
 * The faults by name, each with the transports that it affects. When a fault is set, their open connections are reset, or
 * treated by its `how`. A fault with `once` is an action and not a setting.
 */
export const faults = {
  /** The upgrade is answered with 403, as by strict proxies. */
  'refuse-websocket': { strikes: ['websocket'] },
  /** The upgrade arrives as a plain GET, and is answered as one. */
  'strip-upgrade': { strikes: ['websocket'] },
  /** The upgrade is never answered. */
  'swallow-websocket': { strikes: ['websocket'] },
  /** The answer to the handshake is for another key. */
  'damage-handshake': { strikes: ['websocket'] },
  /** The handshake passes, and 150 ms later the connection is reset. */
  'kill-websocket': { strikes: ['websocket'] },
  /** The handshake passes, and 600 ms later an invalid frame follows. */
  'damage-frame': { strikes: ['websocket'], how: damageFrame },
  /** Event streams are reset. */
  'block-sse': { strikes: ['sse'] },
  /** Only the headers of event streams arrive. */
  'hold-sse': { strikes: ['sse'] },
  /** Event streams are cut in the middle of an event, 1.5 s after they began. */
  'tear-sse': { strikes: ['sse'], how: ({ response, isStream }) => isStream && tear(response) },
  /** Held requests are reset; requests that are answered at once pass. */
  'block-long-poll': { strikes: ['long-poll'] },
  /** Everything is reset. */
  cut: { strikes: everything },
  /** A proxy answers everything with 503. */
  'answer-503': { strikes: everything },
  /** A captive portal answers everything with a login page. */
  portal: { strikes: everything },
  /** Open connections go silent; new ones are not affected. */
  silence: { strikes: everything, how: stall, once: true },
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

  /** Sets or undoes a fault. Open connections that it affects end at once, so that the visitor sees its effect. */
  set(visitor, fault, isOn) {
    const { strikes, how, once } = faults[fault]
    const set = this.#faults.get(visitor) ?? new Set()
    if (isOn && !once) set.add(fault)
    else set.delete(fault)
    this.#faults.delete(visitor)
    if (set.size > 0) this.#faults.set(visitor, set)
    // The server does not learn that a visitor has left for good: the one with the oldest change is removed.
    if (this.#faults.size > maxVisitors) this.#faults.delete(this.#faults.keys().next().value)
    if (isOn) this.strike(visitor, strikes, how)
  }

  heal(visitor) {
    this.#faults.delete(visitor)
  }

  /** Applies `how` to this visitor's open connections over these transports. */
  strike(visitor, transports = everything, how = reset) {
    for (const connection of [...this.#connections]) {
      if (connection.visitor === visitor && transports.includes(connection.transport)) how(connection)
    }
  }

  /** Makes a WebSocket subject to faults until its socket closes. */
  watchSocket(visitor, socket) {
    this.#watch({ visitor, transport: 'websocket', socket }, socket)
  }

  /** Makes a request that is being answered subject to faults, and applies those of event streams to it. */
  watchAnswer(visitor, transport, { socket }, response) {
    const connection = { visitor, transport, socket, response, isStream: false }
    this.#watch(connection, response)
    whenStreaming(response, () => {
      connection.isStream = true
      if (this.has(visitor, 'hold-sse')) holdBack(response)
      else if (this.has(visitor, 'tear-sse')) later(1500, response, () => tear(response))
    })
  }

  /**
   * Stops a request that a fault affects, and returns whether it did. Follow-up questions are stopped only by faults that stop
   * everything.
   */
  stops(visitor, transport, request, response, isQuestion = false) {
    const fault = !isQuestion && { sse: 'block-sse', 'long-poll': 'block-long-poll' }[transport]
    if (this.has(visitor, 'cut') || (fault && this.has(visitor, fault))) reset(request)
    else if (this.has(visitor, 'answer-503')) answerBusy(response)
    else if (this.has(visitor, 'portal')) answerPortal(response)
    else return false
    return true
  }

  /** Applies the faults of upgrades. Returns whether the handshake may continue. `answer` answers a plain request. */
  admits(visitor, request, socket, answer) {
    if (this.has(visitor, 'cut')) reset({ socket })
    else if (this.has(visitor, 'refuse-websocket'))
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    else if (this.has(visitor, 'swallow-websocket')) {
      // Only a timeout ends this socket if the visitor never closes it.
      socket.setTimeout(60_000, () => socket.destroy())
      socket.resume()
    } else if (['strip-upgrade', 'answer-503', 'portal'].some((fault) => this.has(visitor, fault)))
      answer(request, strippedOf(request, socket))
    else {
      if (this.has(visitor, 'damage-handshake')) damageHandshake(request)
      if (this.has(visitor, 'kill-websocket')) later(150, socket, () => reset({ socket }))
      if (this.has(visitor, 'damage-frame')) later(600, socket, () => damageFrame({ socket }))
      return true
    }
    return false
  }

  #watch(connection, done) {
    this.#connections.add(connection)
    done.once('close', () => this.#connections.delete(connection))
  }
}

function reset({ socket }) {
  socket.resetAndDestroy()
}

/** Runs this after a delay, unless `ending` has closed by then. */
function later(ms, ending, run) {
  const timer = setTimeout(run, ms)
  ending.once('close', () => clearTimeout(timer))
}
