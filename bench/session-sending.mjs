/**
 * Sends 200,000 messages of 100 bytes over WebSocket, one burst per task: from the first `send` until the server, a process of
 * its own, reports that it has handled the last. All senders limit the number of unacknowledged messages. The raw WebSocket
 * sends each message in a frame, or each burst in JSON arrays of up to 64 KiB, as the client does. The texts are all
 * different.
 */
import { launchChromium } from './lib/chromium.mjs'
import { measurePairs, rateCheck, sayRate } from './lib/pairs.mjs'
import { startProcess } from './lib/processes.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { startFeed } from './lib/servers.mjs'
import { summarize } from './lib/stats.mjs'

const messages = 200_000
const bytes = 100
const least = 3
const rounds = { least: 7, most: 15, precision: 0.05 }
const rawClient = 'websocket'
const batchingClient = 'websocket, batches'
const ourClient = 'steadfast'
/** Messages per task. */
const burst = 2_000
const plan = { messages, bytes, burst, mostUnacknowledged: 40_000 }

/** In the page: creates the texts before the measurement. @param {typeof plan} plan */
function makeTexts({ messages, bytes }) {
  window.texts = Array.from({ length: messages }, (_, index) =>
    `${index} ${Math.sin(index)} `.padEnd(bytes, String(index)).slice(0, bytes),
  )
}

/**
 * In the page.
 * @param {string} origin
 * @param {typeof plan} plan
 * @param {boolean} isBatching
 */
async function sendRaw(origin, { messages, bytes, burst, mostUnacknowledged }, isBatching) {
  const form = isBatching ? 'batches' : 'text'
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/sink?messages=${messages}&form=${form}`)
  await new Promise((resolve) => socket.addEventListener('open', resolve))
  let acknowledged = 0
  let wake = () => {}
  socket.addEventListener('message', ({ data }) => {
    acknowledged = Number(data)
    wake()
  })
  /** @param {number} count */
  const until = async (count) => {
    while (acknowledged < count) {
      await new Promise((resolve) => {
        wake = () => resolve(undefined)
      })
    }
  }
  const { port1, port2 } = new MessageChannel()
  const inFrame = isBatching ? Math.floor(65_520 / (bytes + 3)) : 1
  const startedAt = performance.now()
  for (let sent = 0; sent < messages; sent += burst) {
    for (let from = sent; from < sent + burst; from += inFrame) {
      const texts = window.texts.slice(from, Math.min(from + inFrame, sent + burst))
      socket.send(isBatching ? JSON.stringify(texts) : String(texts[0]))
    }
    await new Promise((resolve) => {
      port1.onmessage = resolve
      port2.postMessage(null)
    })
    await until(sent + burst - mostUnacknowledged)
  }
  await until(messages)
  const ms = performance.now() - startedAt
  socket.close()
  return ms
}

/**
 * In the page.
 * @param {string} origin
 * @param {typeof plan} plan
 */
async function sendInSession(origin, { messages, burst, mostUnacknowledged }) {
  const { port1, port2 } = new MessageChannel()
  const client = new window.Steadfast.RealtimeClient(`${origin}/session`, {
    protocol: window.Steadfast.session(),
    transports: ['websocket'],
  })
  client.send(`sink ${messages}`)
  await client.flushed()
  const done = new Promise((resolve) => client.addEventListener('message', resolve))
  /** @type {Promise<void>[]} */
  const flushes = []
  const startedAt = performance.now()
  for (let sent = 0; sent < messages; sent += burst) {
    for (let from = sent; from < sent + burst; from += 1) client.send(String(window.texts[from]))
    flushes.push(client.flushed())
    await new Promise((resolve) => {
      port1.onmessage = resolve
      port2.postMessage(null)
    })
    if (flushes.length * burst > mostUnacknowledged) await flushes.shift()
  }
  await done
  const ms = performance.now() - startedAt
  client.close()
  return ms
}

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const chromium = await launchChromium()
  const pages = await startFeed()
  const rawServer = await startProcess('raw-server.mjs')
  const server = await startProcess('session-server.mjs', [pages.origin])
  /**
   * @template {unknown[]} Args
   * @param {(origin: string, how: typeof plan, ...args: Args) => Promise<number>} send
   * @param {string} origin
   * @param {Args} args
   */
  const inPage = async (send, origin, ...args) => {
    const page = await chromium.newPage()
    await page.goto(`${pages.origin}/page?client=${ourClient}`)
    await page.evaluate(makeTexts, plan)
    const ms = await page.evaluate(send, origin, plan, ...args)
    await page.close()
    return ms
  }
  /** @param {boolean} isBatching */
  const besideRaw = (isBatching) =>
    measurePairs(
      rounds,
      () => inPage(sendRaw, rawServer.origin, isBatching),
      () => inPage(sendInSession, server.origin),
    )
  try {
    const each = await besideRaw(false)
    const batches = await besideRaw(true)
    /** @param {string} client @param {number[]} times */
    const row = (client, times) => rowOf(client, summarize(times.map((ms) => (ms * 1_000) / messages)), 2)
    return {
      name: 'session-sending',
      title: `Session: sending ${format(messages)} messages of ${bytes} bytes over WebSocket, ${format(burst)} in a task`,
      unit: 'µs per message',
      rows: [
        row(rawClient, each.raw),
        row(ourClient, each.ours),
        row(batchingClient, batches.raw),
        row(`${ourClient}, beside batches (${sayRate(batches.rates)} batches of JSON)`, batches.ours),
      ],
      checks: [rateCheck('raw WebSocket', each.rates, least)],
    }
  } finally {
    server.stop()
    rawServer.stop()
    await pages.close()
    await chromium.close()
  }
}

await runAlone(import.meta, run)
