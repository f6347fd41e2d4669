/** A virtual clock, and a virtual server that can be up or down. */
import { setImmediate as settled } from 'node:timers/promises'
import { randomFrom } from './stats.mjs'

/** @typedef {{ at: number, order: number, run: () => void, isCancelled: boolean }} Timer */

/** A virtual clock with its timers in a binary heap. */
export class VirtualClock {
  now = 0
  #order = 0
  /** @type {Timer[]} */
  #heap = []

  /** @param {number} delayMs @param {() => void} run */
  after(delayMs, run) {
    this.#order += 1
    const timer = { at: this.now + Math.max(0, delayMs), order: this.#order, run, isCancelled: false }
    this.#push(timer)
    return () => {
      timer.isCancelled = true
    }
  }

  /**
   * Runs all timers until this time, and lets promises settle after each.
   * @param {number} until
   */
  async runUntil(until) {
    await settled()
    for (let next = this.#heap[0]; next !== undefined && next.at <= until; next = this.#heap[0]) {
      this.now = next.at
      while (this.#heap[0] !== undefined && this.#heap[0].at <= this.now) {
        const timer = this.#pop()
        if (!timer.isCancelled) timer.run()
      }
      await settled()
    }
    this.now = until
  }

  /** @param {Timer} timer */
  #push(timer) {
    const heap = this.#heap
    let at = heap.push(timer) - 1
    while (at > 0 && isBefore(timer, /** @type {Timer} */ (heap[(at - 1) >> 1]))) {
      heap[at] = /** @type {Timer} */ (heap[(at - 1) >> 1])
      at = (at - 1) >> 1
    }
    heap[at] = timer
  }

  #pop() {
    const heap = this.#heap
    const first = /** @type {Timer} */ (heap[0])
    const last = /** @type {Timer} */ (heap.pop())
    if (heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      const [left, right] = [heap[child], heap[child + 1]]
      if (left === undefined) break
      if (right !== undefined && isBefore(right, left)) child += 1
      const smaller = /** @type {Timer} */ (heap[child])
      if (!isBefore(smaller, last)) break
      heap[at] = smaller
      at = child
    }
    heap[at] = last
    return first
  }
}

/** @param {Timer} a @param {Timer} b */
const isBefore = (a, b) => a.at < b.at || (a.at === b.at && a.order < b.order)

/**
 * The subprotocol and the first frame for a client that offers these subprotocols.
 * @typedef {(offered: readonly string[]) => { protocol: string, frame: string }} Greet
 */

/** @type {Greet} */
const welcome = () => ({ protocol: '', frame: 'welcome' })

/**
 * The greeting of a steadfast.v1 server.
 * @param {number} retryWindowMs the time over which its clients should spread their return
 * @returns {Greet}
 */
export const openSession = (retryWindowMs) => (offered) => {
  const token = offered.find((name) => name.startsWith('s.')) ?? ''
  const { k, n, cursor } = JSON.parse(Buffer.from(token.slice(2), 'base64url').toString())
  const times = { heartbeatMs: 25_000, resumeWindowMs: 120_000, retryWindowMs }
  const open = { k, epoch: 'e', resumed: cursor !== undefined, taken: n - 1, ack: n - 1, maxMessageBytes: 2 ** 20, ...times }
  return { protocol: 'steadfast.v1', frame: `o${JSON.stringify(open)}` }
}

/**
 * A WebSocket-only server that can go down: then every connection is lost at the same time, and every dial is refused after one
 * round trip. While it is up, a dial opens after two round trips, with a greeting, and pings are answered; HTTP requests are
 * answered with 404, and counted by their path.
 */
export class VirtualServer {
  isUp = true
  /** @type {Set<{ lose: () => void }>} */
  #connections = new Set()
  #clock
  #rttMs

  /**
   * @param {VirtualClock} clock
   * @param {number} rttMs
   * @param {(kind: string) => void} onDial called with the kind of each dial or other request
   * @param {Greet} [greet]
   */
  constructor(clock, rttMs, onDial, greet = welcome) {
    this.#clock = clock
    this.#rttMs = rttMs
    this.onDial = onDial
    this.greet = greet
  }

  /** @param {() => void} run one round trip later */
  answer(run) {
    this.#clock.after(this.#rttMs, run)
  }

  goAway() {
    this.isUp = false
    for (const connection of this.#connections) connection.lose()
    this.#connections.clear()
  }

  /**
   * @param {{ opened: () => void, lose: () => void }} connection
   * @returns {() => void} hangs up
   */
  dial(connection) {
    this.onDial('websocket')
    const cancel = this.isUp
      ? this.#clock.after(2 * this.#rttMs, () => {
          this.#connections.add(connection)
          connection.opened()
        })
      : this.#clock.after(this.#rttMs, connection.lose)
    return () => {
      cancel()
      this.#connections.delete(connection)
    }
  }

  /** @type {typeof fetch} */
  request = (url, init) => {
    // Every other request has headers or a method.
    const isQuestion = init?.headers === undefined && init?.method === undefined
    this.onDial(isQuestion ? 'question' : new URL(String(url)).pathname)
    return new Promise((resolve, reject) => {
      const cancel = this.isUp
        ? this.#clock.after(2 * this.#rttMs, () => resolve(new Response(null, { status: 404 })))
        : this.#clock.after(this.#rttMs, () => reject(new TypeError('Failed to fetch')))
      init?.signal?.addEventListener('abort', () => {
        cancel()
        reject(new DOMException('aborted', 'AbortError'))
      })
    })
  }
}

/**
 * The client's host in this simulation: all its randomness is seeded, and nothing depends on the machine.
 * @param {VirtualClock} clock
 * @param {VirtualServer} server
 * @param {number} seed
 * @returns {import('../../dist/index.js').Host}
 */
export function virtualHost(clock, server, seed) {
  // A separate generator, so that the number of random bytes drawn does not change the backoff.
  const randomByte = randomFrom(~seed)
  class VirtualWebSocket {
    binaryType = /** @type {BinaryType} */ ('blob')
    bufferedAmount = 0
    protocol = ''
    /** @type {((event: object) => void) | null} */
    onopen = null
    /** @type {((event: object) => void) | null} */
    onmessage = null
    /** @type {((event: object) => void) | null} */
    onerror = null
    /** @type {((event: object) => void) | null} */
    onclose = null
    #isLost = false
    #hangUp = () => {}
    /** @param {string} _ @param {readonly string[]} [offered] */
    constructor(_, offered = []) {
      this.#hangUp = server.dial({
        opened: () => {
          const { protocol, frame } = server.greet(offered)
          this.protocol = protocol
          this.onopen?.({ type: 'open' })
          this.#say(frame)
        },
        lose: () => {
          this.#isLost = true
          this.onerror?.({ type: 'error' })
          this.onclose?.({ type: 'close', code: 1006, reason: '', wasClean: false })
        },
      })
    }
    /** @param {unknown} data */
    send(data) {
      if (data === 'p') server.answer(() => this.#say('q'))
    }
    close() {
      this.#isLost = true
      this.#hangUp()
    }
    /** @param {string} data */
    #say(data) {
      if (!this.#isLost) this.onmessage?.({ type: 'message', data })
    }
  }
  return {
    now: () => 1e12 + clock.now,
    after: (delayMs, run) => clock.after(delayMs, run),
    random: randomFrom(seed),
    randomBytes: (length) => Uint8Array.from({ length }, () => Math.floor(randomByte() * 256)),
    report: (error) => {
      throw error
    },
    fetch: server.request,
    WebSocket: VirtualWebSocket,
    engine: () => 'other',
    pageOrigin: undefined,
    baseUrl: undefined,
    isLive: true,
    isOnline: () => true,
    isHidden: () => false,
    roundTripMs: () => undefined,
    recall: () => null,
    remember: () => {},
    claim: async () => () => {},
    listen: () => () => {},
  }
}
