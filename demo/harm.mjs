/**
 * What can be done to one visitor's connections, without disturbing anybody else's. Every browser page sends a key of its own
 * in the query; what was set for it stays set, also over a restart of the server, until it is undone.
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
 * The faults by name, each with the transports that it strikes. Their running connections are reset when it is set, or struck
 * in a way of its own. What happens `once` is not set.
 */
export const faults = {
  /** The upgrade is answered by 403, as strict proxies do. */
  'refuse-websocket': { strikes: ['websocket'] },
  /** The upgrade arrives as a plain GET, and is answered as one. */
  'strip-upgrade': { strikes: ['websocket'] },
  /** The upgrade is never answered. */
  'swallow-websocket': { strikes: ['websocket'] },
  /** The answer to the handshake belongs to another handshake. */
  'damage-handshake': { strikes: ['websocket'] },
  /** The handshake passes, and 150 ms later the connection is reset. */
  'kill-websocket': { strikes: ['websocket'] },
  /** The handshake passes, and 600 ms later a frame is none. */
  'damage-frame': { strikes: ['websocket'], how: damageFrame },
  /** Event streams are reset. */
  'block-sse': { strikes: ['sse'] },
  /** Of event streams nothing but the headers arrives. */
  'hold-sse': { strikes: ['sse'] },
  /** Event streams are cut in the middle of an event, 1.5 s after they began. */
  'tear-sse': { strikes: ['sse'], how: ({ response, isStream }) => isStream && tear(response) },
  /** Held requests are reset; requests that are answered at once pass. */
  'block-long-poll': { strikes: ['long-poll'] },
  /** Everything is reset. */
  cut: { strikes: everything },
  /** A proxy answers everything with 503. */
  'answer-503': { strikes: everything },
  /** A network that wants a login answers everything with a page. */
  portal: { strikes: everything },
  /** What is open says nothing any more; what is opened from now on is not concerned. */
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

  /** Sets or undoes a fault. What it stands against ends at once, or the visitor would wait in vain for something to happen. */
  set(visitor, fault, isOn) {
    const { strikes, how, once } = faults[fault]
    const set = this.#faults.get(visitor) ?? new Set()
    if (isOn && !once) set.add(fault)
    else set.delete(fault)
    this.#faults.delete(visitor)
    if (set.size > 0) this.#faults.set(visitor, set)
    // Nobody tells us that a visitor is gone for good: the one whose last change is the oldest is forgotten.
    if (this.#faults.size > maxVisitors) this.#faults.delete(this.#faults.keys().next().value)
    if (isOn) this.strike(visitor, strikes, how)
  }

  heal(visitor) {
    this.#faults.delete(visitor)
  }

  /** Does something to this visitor's running connections over these transports. */
  strike(visitor, transports = everything, how = reset) {
    for (const connection of [...this.#connections]) {
      if (connection.visitor === visitor && transports.includes(connection.transport)) how(connection)
    }
  }

  /** Lets a WebSocket be struck from now on, until its socket is done. */
  watchSocket(visitor, socket) {
    this.#watch({ visitor, transport: 'websocket', socket }, socket)
  }

  /** Lets a request that is being answered be struck from now on, and does to an event stream what is to be done to it. */
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
   * Stops a request that a fault stands against, and says whether it did. What only asks how the server has seen a failure is
   * stopped by nothing but what stops everything.
   */
  stops(visitor, transport, request, response, isQuestion = false) {
    const fault = !isQuestion && { sse: 'block-sse', 'long-poll': 'block-long-poll' }[transport]
    if (this.has(visitor, 'cut') || (fault && this.has(visitor, fault))) reset(request)
    else if (this.has(visitor, 'answer-503')) answerBusy(response)
    else if (this.has(visitor, 'portal')) answerPortal(response)
    else return false
    return true
  }

  /** Does to an upgrade what is to be done to it. Returns whether the handshake may go on. `answer` is for a plain request. */
  admits(visitor, request, socket, answer) {
    if (this.has(visitor, 'cut')) reset({ socket })
    else if (this.has(visitor, 'refuse-websocket'))
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    else if (this.has(visitor, 'swallow-websocket')) {
      // Nobody reads this socket, so only a limit ends it if the visitor never hangs up.
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

/** Unless it has ended until then. */
function later(ms, ending, run) {
  const timer = setTimeout(run, ms)
  ending.once('close', () => clearTimeout(timer))
}
