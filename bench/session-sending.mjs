/**
 * Sending 200,000 messages of 100 bytes over WebSocket in bursts, a burst in a task: from the first `send` until the server, a process
 * of its own, says that it has handled the last. Neither may wait for more than it can take: the raw WebSocket goes on when little of
 * what it was given is left in the page, the client when little is left unacknowledged.
 */
import { launchChromium } from './lib/chromium.mjs'
import { measurePairs, rateCheck } from './lib/pairs.mjs'
import { startProcess } from './lib/processes.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { startFeed } from './lib/servers.mjs'
import { summarize } from './lib/stats.mjs'

const messages = 200_000
const bytes = 100
const least = 3
const rounds = { least: 7, most: 15, precision: 0.05 }
const rawClient = 'websocket'
const ourClient = 'steadfast'
/** In one task. */
const burst = 2_000
const plan = { messages, bytes, burst, mostBuffered: 2 ** 20, mostUnflushed: 20 }

/**
 * In the page.
 * @param {string} origin
 * @param {typeof plan} plan
 */
async function sendRaw(origin, { messages, bytes, burst, mostBuffered }) {
  const { port1, port2 } = new MessageChannel()
  /** @type {() => Promise<unknown>} */
  const turn = () =>
    new Promise((resolve) => {
      port1.onmessage = resolve
      port2.postMessage(null)
    })
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/sink?messages=${messages}`)
  await new Promise((resolve) => socket.addEventListener('open', resolve))
  const done = new Promise((resolve) => socket.addEventListener('message', resolve))
  const text = 'x'.repeat(bytes)
  const startedAt = performance.now()
  for (let sent = 0; sent < messages; sent += burst) {
    for (let index = 0; index < burst; index += 1) socket.send(text)
    do await turn()
    while (socket.bufferedAmount > mostBuffered)
  }
  await done
  const ms = performance.now() - startedAt
  socket.close()
  return ms
}

/**
 * In the page.
 * @param {string} origin
 * @param {typeof plan} plan
 */
async function sendInSession(origin, { messages, bytes, burst, mostUnflushed }) {
  const { port1, port2 } = new MessageChannel()
  /** @type {() => Promise<unknown>} */
  const turn = () =>
    new Promise((resolve) => {
      port1.onmessage = resolve
      port2.postMessage(null)
    })
  const client = new window.Steadfast.RealtimeClient(`${origin}/session`, { protocol: 'session', transports: ['websocket'] })
  client.send(`sink ${messages}`)
  await client.flushed()
  const done = new Promise((resolve) => client.addEventListener('message', resolve))
  const text = 'x'.repeat(bytes)
  /** @type {Promise<void>[]} */
  const flushes = []
  const startedAt = performance.now()
  for (let sent = 0; sent < messages; sent += burst) {
    for (let index = 0; index < burst; index += 1) client.send(text)
    flushes.push(client.flushed())
    await turn()
    if (flushes.length >= mostUnflushed) await flushes.shift()
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
  /** @param {(origin: string, how: typeof plan) => Promise<number>} send @param {string} origin */
  const inPage = async (send, origin) => {
    const page = await chromium.newPage()
    await page.goto(`${pages.origin}/page?client=${ourClient}`)
    const ms = await page.evaluate(send, origin, plan)
    await page.close()
    return ms
  }
  try {
    const { raw, ours, rates } = await measurePairs(
      rounds,
      () => inPage(sendRaw, rawServer.origin),
      () => inPage(sendInSession, server.origin),
    )
    /** @param {string} client @param {number[]} times */
    const row = (client, times) => rowOf(client, summarize(times.map((ms) => (ms * 1_000) / messages)), 2)
    return {
      name: 'session-sending',
      title: `Session: sending ${format(messages)} messages of ${bytes} bytes over WebSocket, ${format(burst)} in a task`,
      unit: 'µs per message',
      rows: [row(rawClient, raw), row(ourClient, ours)],
      checks: [rateCheck('raw WebSocket', rates, least)],
    }
  } finally {
    server.stop()
    rawServer.stop()
    await pages.close()
    await chromium.close()
  }
}

await runAlone(import.meta, run)
