/**
 * The time to the first message after a connection is reset while the server is up: it greets every connection at once, then
 * pushes. Two kinds of losses: connections that were open for at least 5.5 s, and connections reset 300 ms after their first
 * message. The server offers WebSocket only.
 */
import { createServer } from 'node:http'
import { performance } from 'node:perf_hooks'
import { Server as SocketIoServer } from 'socket.io'
import { WebSocketServer } from 'ws'
import { launchChromium } from './lib/chromium.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { listen, startFeed } from './lib/servers.mjs'
import { median, summarize } from './lib/stats.mjs'

const limitMs = 600
const ourClient = 'steadfast'
const tickMs = 250
const old = { name: 'lived ≥ 5.5 s', lifeMs: () => 5_500 + 1_000 * Math.random() }
const young = { name: 'lived 300 ms', lifeMs: () => 300 }

/** @typedef {typeof old} Form */

/**
 * @typedef {object} Plan
 * @property {string} kind
 * @property {Form} form
 * @property {number} clients in one page; few for short-lived connections, since Chromium starts a dial to a server only 10 ms
 *   after the previous one has opened
 * @property {number} losses of every client
 * @property {number} [pages] one after the other
 */
/** @type {Plan[]} */
const plans = [
  { kind: ourClient, form: old, clients: 100, losses: 4 },
  // A client that is cut more than six times in a row within 5 s waits longer each time.
  { kind: ourClient, form: young, clients: 12, losses: 6, pages: 6 },
  { kind: 'websocket', form: old, clients: 100, losses: 2 },
  { kind: 'websocket', form: young, clients: 5, losses: 40 },
  { kind: 'socket.io, WebSocket only', form: old, clients: 100, losses: 2 },
  { kind: 'partysocket', form: old, clients: 100, losses: 1 },
  // It draws its delay once per page.
  { kind: 'reconnecting-websocket', form: old, clients: 25, losses: 1, pages: 4 },
]

/** Wall-clock milliseconds, finer than `Date.now()`; the page counts them in the same way. */
const now = () => performance.timeOrigin + performance.now()

/**
 * A server that resets every connection after `lifeMs`. Its greeting contains the time of the client's last reset.
 * @param {string} kind
 * @param {Form} form
 */
function startResetting(kind, { lifeMs }) {
  /** @type {Map<string, number>} */
  const resetAt = new Map()
  /**
   * @param {string} client
   * @param {(data: string) => void} send
   * @param {import('node:net').Socket} socket
   */
  const serve = (client, send, socket) => {
    send(String(resetAt.get(client) ?? 'welcome'))
    const ticker = setInterval(send, tickMs, 'tick')
    const killer = setTimeout(() => {
      resetAt.set(client, now())
      socket.resetAndDestroy()
    }, lifeMs())
    socket.on('close', () => {
      clearInterval(ticker)
      clearTimeout(killer)
    })
  }
  const server = createServer((_, response) => response.writeHead(404, { 'access-control-allow-origin': '*' }).end())
  if (kind.startsWith('socket.io')) {
    const io = new SocketIoServer(server, { perMessageDeflate: false })
    io.on('connection', (socket) => {
      const client = String(socket.handshake.query['client'])
      serve(client, (data) => socket.emit('message', data), socket.request.socket)
    })
  } else {
    new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket, request) => {
      socket.on('error', () => {})
      const client = new URL(request.url ?? '/', 'http://localhost').searchParams.get('client') ?? ''
      serve(client, (data) => socket.send(data), request.socket)
    })
  }
  return listen(server)
}

/**
 * @param {import('./lib/chromium.mjs').Chromium} chromium
 * @param {Plan} plan
 * @returns {Promise<number[]>} milliseconds from each reset to the next message
 */
async function measurePage(chromium, { kind, form, clients, losses }) {
  const pages = await startFeed()
  const server = await startResetting(kind, form)
  const page = await chromium.newPage()
  await page.goto(`${pages.origin}/page?client=${encodeURIComponent(kind)}`)
  const waits = await page.evaluate(
    async (kind, origin, clients, losses) => {
      /** @param {number} client */
      const follow = (client) =>
        new Promise((resolve) => {
          /** @type {number[]} */
          const waits = []
          const stop = window.bench.connect(kind, origin, `?client=${client}`, heard, () => {})
          /** @param {string} data */
          function heard(data) {
            const resetAt = Number(data)
            if (Number.isNaN(resetAt) || waits.length === losses) return
            waits.push(performance.timeOrigin + performance.now() - resetAt)
            if (waits.length < losses) return
            stop()
            resolve(waits)
          }
        })
      const all = []
      for (let client = 0; client < clients; client += 1) {
        all.push(follow(client))
        // Chromium delays the dials of a page with many at the same time.
        await new Promise((resolve) => setTimeout(resolve, 25))
      }
      return (await Promise.all(all)).flat()
    },
    kind,
    server.origin,
    clients,
    losses,
  )
  await page.close()
  await server.close()
  await pages.close()
  return waits
}

/**
 * @param {import('./lib/chromium.mjs').Chromium} chromium
 * @param {Plan} plan
 */
async function measure(chromium, plan) {
  /** @type {number[]} */
  const waits = []
  for (let pages = plan.pages ?? 1; pages > 0; pages -= 1) waits.push(...(await measurePage(chromium, plan)))
  return waits
}

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const chromium = await launchChromium()
  try {
    /** @type {import('./lib/report.mjs').Row[]} */
    const rows = []
    /** @type {import('./lib/report.mjs').Check[]} */
    const checks = []
    for (const plan of plans) {
      const waits = await measure(chromium, plan)
      rows.push(rowOf(`${plan.kind}, ${plan.form.name}`, summarize(waits)))
      if (plan.kind !== ourClient) continue
      const isMet = waits.length >= 200 && median(waits) <= limitMs
      checks.push({
        reach: `median ≤ ${limitMs} ms, ${plan.form.name}`,
        value: `${format(median(waits))} ms of ${waits.length}`,
        isMet,
      })
    }
    return { name: 'after-reset', title: 'First message after RST with the server still up', unit: 'ms', rows, checks }
  } finally {
    await chromium.close()
  }
}

await runAlone(import.meta, run)
