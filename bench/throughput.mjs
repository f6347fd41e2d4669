/**
 * Receiving 200,000 messages of 100 bytes over WebSocket, one to a frame, sent as fast as the socket takes them by a process
 * of its own. The client and the raw WebSocket take turns, each time in a new page, with the same listener; each is compared with
 * its neighbour in time, because a machine is not equally busy all the time. What the client itself costs is measured as well,
 * without any network, because it is far less than the noise of the rest.
 */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { launchChromium } from './lib/chromium.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { startFeed } from './lib/servers.mjs'
import { median, quantile, summarize } from './lib/stats.mjs'

const messageCount = 200_000
const messageBytes = 100
/** As many as the precision needs: on a busy machine more. */
const rounds = { least: 15, most: 30 }
const precision = 0.015
const costRounds = 5
const least = 0.95
const rawClient = 'websocket'
const ourClient = 'steadfast'

/** @returns {Promise<{ origin: string, stop: () => void }>} */
async function startFlood() {
  const program = fileURLToPath(new URL('lib/flood.mjs', import.meta.url))
  const env = { ...process.env, FLOOD_MESSAGES: String(messageCount), FLOOD_BYTES: String(messageBytes) }
  const child = fork(program, { env })
  const port = await new Promise((resolve) => child.once('message', resolve))
  return { origin: `http://127.0.0.1:${port}`, stop: () => child.disconnect() }
}

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
    (isRaw, origin, expected) =>
      new Promise((resolve) => {
        let count = 0
        let bytes = 0
        let startedAt = 0
        const socket = isRaw
          ? new WebSocket(`${origin.replace('http', 'ws')}/feed`)
          : new window.Steadfast.RealtimeClient(`${origin}/feed`)
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
    messageCount * messageBytes,
  )
  await page.close()
  return ms
}

/**
 * The same messages handed to the client by a socket that is none.
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

/**
 * The standard error of a median, from the quartiles, as of a normal distribution.
 * @param {readonly number[]} values
 */
function errorOfMedian(values) {
  const deviation = (quantile(values, 0.75) - quantile(values, 0.25)) / 1.349
  return (1.2533 * deviation) / Math.sqrt(values.length)
}

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const chromium = await launchChromium()
  const pages = await startFeed()
  const flood = await startFlood()
  /** @type {number[]} */
  const raw = []
  /** @type {number[]} */
  const ours = []
  /** @type {number[]} */
  const alone = []
  /** @type {number[]} */
  const rates = []
  try {
    // The first page of each is the one in which the browser warms up.
    for (const kind of [rawClient, ourClient]) await receive(chromium, kind, pages.origin, flood.origin)
    while (rates.length < rounds.least || (rates.length < rounds.most && errorOfMedian(rates) > precision)) {
      const order = rates.length % 2 === 0 ? [rawClient, ourClient] : [ourClient, rawClient]
      /** @type {Record<string, number>} */
      const ms = {}
      for (const kind of order) ms[kind] = await receive(chromium, kind, pages.origin, flood.origin)
      const { [rawClient]: rawMs = Number.NaN, [ourClient]: oursMs = Number.NaN } = ms
      raw.push(rawMs)
      ours.push(oursMs)
      rates.push(rawMs / oursMs)
    }
    for (let round = 0; round < costRounds; round += 1) alone.push(await work(chromium, pages.origin))
  } finally {
    flood.stop()
    await pages.close()
    await chromium.close()
  }
  const rate = median(rates)
  const value = `${format(rate, 3)} × (± ${format(errorOfMedian(rates), 3)}, ${rates.length} pairs)`
  /** @param {string} client @param {number[]} times */
  const row = (client, times) => rowOf(client, summarize(times.map((ms) => (ms * 1_000) / messageCount)), 2)
  return {
    name: 'throughput',
    title: `Receiving ${format(messageCount)} messages of ${messageBytes} bytes over WebSocket`,
    unit: 'µs per message',
    rows: [row(rawClient, raw), row(ourClient, ours), row(`${ourClient}, its own work alone`, alone)],
    checks: [{ reach: `≥ ${least} × raw WebSocket`, value, isMet: rate >= least }],
  }
}

await runAlone(import.meta, run)
