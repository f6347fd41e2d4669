/** A program: real clients in Node, over WebSocket, whose messages a server echoes: one after the other, or many at once. */
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { built } from './build.mjs'
import { answerParent } from './processes.mjs'
import { quantile } from './stats.mjs'
import { textOf } from './texts.mjs'

class PlainWebSocket extends WebSocket {
  /** @param {string} url @param {string[]} [protocols] */
  constructor(url, protocols) {
    super(url, protocols, { perMessageDeflate: false })
    this.on('error', () => {})
  }
}
Object.assign(globalThis, { WebSocket: PlainWebSocket })
/** @type {typeof import('../../dist/index.js')} */
const { RealtimeClient } = await import(built('index.js'))
const { session } = await import(built('session.js'))

let number = 0

/** @param {string} url */
async function connect(url) {
  const client = new RealtimeClient(url, { protocol: session(), transports: ['websocket'] })
  const opened = new Promise((resolve) => client.addEventListener('open', resolve))
  client.connect()
  await opened
  let expected = ''
  let heard = () => {}
  client.addEventListener('message', ({ data }) => {
    if (data === expected) heard()
  })
  return {
    /** @param {number} bytes */
    async echo(bytes) {
      number += 1
      expected = textOf(number, bytes)
      const back = new Promise((resolve) => {
        heard = () => resolve(undefined)
      })
      client.send(expected)
      await back
    },
  }
}

/** @typedef {Awaited<ReturnType<typeof connect>>} Client */

/** @type {Map<string, Client[]>} */
const opened = new Map()

/** Opens clients of a URL, or reuses open ones. @param {string} url @param {number} count */
async function clientsOf(url, count) {
  const clients = opened.get(url) ?? []
  opened.set(url, clients)
  const missing = Array.from({ length: Math.max(0, count - clients.length) }, () => connect(url))
  clients.push(...(await Promise.all(missing)))
  return clients.slice(0, count)
}

await answerParent(createServer(), {
  /** Makes sure that `count` clients are open. */
  async open({ url, count }) {
    await clientsOf(String(url), Number(count))
    return {}
  },
  /** The round-trip times of one client's messages, one at a time, each in a task of its own, in microseconds. */
  async lone({ url, count, bytes }) {
    const [client] = await clientsOf(String(url), 1)
    const times = []
    for (let sent = 0; sent < Number(count); sent += 1) {
      const startedAt = performance.now()
      await client?.echo(Number(bytes))
      times.push((performance.now() - startedAt) * 1_000)
      await sleep(1)
    }
    return { p50: quantile(times, 0.5) }
  },
  /** Many clients, each with one message in flight. */
  async load({ url, clients, count, bytes }) {
    const all = await clientsOf(String(url), Number(clients))
    await Promise.all(
      all.map(async (client) => {
        for (let sent = 0; sent < Number(count); sent += 1) await client.echo(Number(bytes))
      }),
    )
    return {}
  },
})
