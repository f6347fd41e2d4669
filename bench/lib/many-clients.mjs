/** A program: many real clients in Node, which record when they open. */
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { io } from 'socket.io-client'
import { WebSocket } from 'ws'
import { built } from './build.mjs'
import { answerParent } from './processes.mjs'
import { median, quantile } from './stats.mjs'

const tooMany = 4429
/** The time between two dials: the clients of a running server have not connected all at the same time. */
const spacingMs = 5
const limitMs = 30_000
/** @type {number[]} wall-clock milliseconds */
const openedAt = []
let dials = 0
let refused = 0

class CountingWebSocket extends WebSocket {
  /** @param {string} url @param {string[]} [protocols] */
  constructor(url, protocols) {
    super(url, protocols, { perMessageDeflate: false })
    dials += 1
    // A failed dial emits an error, which may have no other listener.
    this.on('error', () => {})
    this.on('close', (code) => {
      if (code === tooMany) refused += 1
    })
  }
}
Object.assign(globalThis, { WebSocket: CountingWebSocket })
/** @type {typeof import('../../dist/index.js')} */
const { RealtimeClient } = await import(built('index.js'))
const { session } = await import(built('session.js'))

const opened = () => void openedAt.push(Date.now())

/** @param {string} kind @param {string} origin */
function connect(kind, origin) {
  if (kind === 'socket.io') {
    const socket = io(origin, { transports: ['websocket'], forceNew: true })
    socket.on('connect', opened)
    socket.io.on('reconnect_attempt', () => {
      dials += 1
    })
  } else {
    const client = new RealtimeClient(`${origin}/session`, { protocol: session(), transports: ['websocket'] })
    client.addEventListener('open', opened)
    client.connect()
  }
}

await answerParent(createServer(), {
  /** Connects `count` clients, and waits until all are open. */
  async open({ kind, origin, count }) {
    for (let index = 0; index < Number(count); index += 1) {
      connect(String(kind), String(origin))
      await sleep(spacingMs)
    }
    for (const end = Date.now() + limitMs; openedAt.length < Number(count); await sleep(100))
      if (Date.now() > end) throw new Error(`Only ${openedAt.length} of ${count} are there.`)
    dials = 0
    refused = 0
    return {}
  },
  /** How many clients have come back since then, and how many dials and refusals there were. */
  returned({ since, count }) {
    const waits = openedAt.filter((at) => at > Number(since)).map((at) => at - Number(since))
    const late = [...waits, ...new Array(Math.max(0, Number(count) - waits.length)).fill(1e9)]
    return { returned: waits.length, medianMs: median(late), p99Ms: quantile(late, 0.99), dials, refused }
  },
})
