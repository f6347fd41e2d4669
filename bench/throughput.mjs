/**
 * Receives 200,000 messages of 100 bytes over WebSocket, one per frame, sent as fast as the socket accepts them by a process
 * of its own. The client and the raw WebSocket alternate, each time in a new page, with the same listener; each run is
 * compared with the one next to it, because the load of the machine varies. The cost of the client itself is also measured
 * without a network, because it is far less than the noise of the rest.
 */
import { launchChromium } from './lib/chromium.mjs'
import { measurePairs, rateCheck } from './lib/pairs.mjs'
import { startProcess } from './lib/processes.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { startFeed } from './lib/servers.mjs'
import { summarize } from './lib/stats.mjs'

const messageCount = 200_000
const messageBytes = 100
const rounds = { least: 15, most: 30, precision: 0.015 }
const costRounds = 5
const least = 0.95
const rawClient = 'websocket'
const ourClient = 'steadfast'

/**
 * @param {import('./lib/chromium.mjs').Chromium} chromium
 * @param {string} kind
 * @param {string} pages
 * @param {string} origin
 * @returns {Promise<number>} milliseconds from the first message to the last
 */
async function receive(chromium, kind, pages, origin) {
  const page = await chromium.newPage()
  await page.goto(`${pages}/page?client=${kind}`)
  const ms = await page.evaluate(
    (isRaw, origin, path, expected) =>
      new Promise((resolve) => {
        let count = 0
        let bytes = 0
        let startedAt = 0
        const socket = isRaw
          ? new WebSocket(origin.replace('http', 'ws') + path)
          : new window.Steadfast.RealtimeClient(origin + path)
        const client = /** @type {WebSocket} */ (socket)
        client.addEventListener('message', (event) => {
          if (count === 0) startedAt = performance.now()
          count += 1
          bytes += event.data.length
          if (bytes === expected) {
            resolve(performance.now() - startedAt)
            client.close()
          }
        })
      }),
    kind === rawClient,
    origin,
    `/flood?messages=${messageCount}&bytes=${messageBytes}`,
    messageCount * messageBytes,
  )
  await page.close()
  return ms
}

/**
 * The same messages given to the client by a fake socket.
 * @param {import('./lib/chromium.mjs').Chromium} chromium
 * @param {string} pages
 * @returns {Promise<number>} milliseconds
 */
async function work(chromium, pages) {
  const page = await chromium.newPage()
  await page.goto(`${pages}/page?client=${ourClient}`)
  const ms = await page.evaluate(
    async (origin, messageCount, messageBytes) => {
      /** @type {any} */
      let socket
      class NoWebSocket {
        binaryType = /** @type {BinaryType} */ ('blob')
        bufferedAmount = 0
        protocol = ''
        onopen = null
        onmessage = null
        onerror = null
        onclose = null
        constructor() {
          socket = this
          setTimeout(() => socket.onopen({}))
        }
        send() {}
        close() {}
      }
      const client = new window.Steadfast.RealtimeClient(`${origin}/feed`, { host: { WebSocket: NoWebSocket } })
      let bytes = 0
      client.addEventListener('message', ({ data }) => {
        bytes += String(data).length
      })
      await new Promise((resolve) => client.addEventListener('open', resolve))
      const event = new MessageEvent('message', { data: 'x'.repeat(messageBytes) })
      const startedAt = performance.now()
      for (let count = 0; count < messageCount; count += 1) socket.onmessage(event)
      const ms = performance.now() - startedAt
      client.close()
      if (bytes !== messageCount * messageBytes) throw new Error(`Only ${bytes} bytes arrived.`)
      return ms
    },
    pages,
    messageCount,
    messageBytes,
  )
  await page.close()
  return ms
}

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const chromium = await launchChromium()
  const pages = await startFeed()
  const server = await startProcess('raw-server.mjs')
  /** @param {string} kind */
  const measure = (kind) => () => receive(chromium, kind, pages.origin, server.origin)
  /** @type {number[]} */
  const alone = []
  try {
    const { raw, ours, rates } = await measurePairs(rounds, measure(rawClient), measure(ourClient))
    for (let round = 0; round < costRounds; round += 1) alone.push(await work(chromium, pages.origin))
    return {
      name: 'throughput',
      title: `Receiving ${format(messageCount)} messages of ${messageBytes} bytes over WebSocket`,
      unit: 'µs per message',
      rows: [row(rawClient, raw), row(ourClient, ours), row(`${ourClient}, its own work alone`, alone)],
      checks: [rateCheck('raw WebSocket', rates, least)],
    }
  } finally {
    server.stop()
    await pages.close()
    await chromium.close()
  }
}

/** @param {string} client @param {number[]} times */
const row = (client, times) => rowOf(client, summarize(times.map((ms) => (ms * 1_000) / messageCount)), 2)

await runAlone(import.meta, run)
