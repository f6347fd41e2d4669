/**
 * The memory of an idle client in the page: the growth of the JavaScript heap by 100 of them, connected over WebSocket, each
 * with one listener. As many were created and closed before, and a few remain, so that shared code and object shapes are not
 * counted.
 */
import { launchChromium } from './lib/chromium.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { startFeed, startSessions, startSocketIo } from './lib/servers.mjs'
import { median, summarize } from './lib/stats.mjs'

const clients = 100
const few = 10
const rounds = 3
const mostBytes = 6 * 1_024
const rawClient = 'websocket'
const ourClient = 'steadfast, session'

/**
 * @param {import('./lib/chromium.mjs').Chromium} chromium
 * @param {string} kind
 * @param {string} pages
 * @param {string} origin
 * @returns {Promise<number>} bytes
 */
async function occupy(chromium, kind, pages, origin) {
  const page = await chromium.newPage()
  await page.goto(`${pages}/page?client=${encodeURIComponent(kind)}`)
  /** @param {number} count */
  const connect = (count) => page.evaluate((...args) => window.bench.crowd(...args), kind, origin, count)
  await connect(clients)
  await page.evaluate(() => window.bench.disperse())
  await connect(few)
  const before = await page.heapBytes()
  await connect(clients)
  const after = await page.heapBytes()
  await page.close()
  return (after - before) / clients
}

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const chromium = await launchChromium()
  const feed = await startFeed({ isQuiet: true })
  const sessions = await startSessions([feed.origin], { isQuiet: true })
  const socketIo = await startSocketIo()
  /** @type {[kind: string, server: { origin: string }][]} */
  const kinds = [
    [rawClient, feed],
    [ourClient, sessions],
    ['partysocket', feed],
    ['socket.io, WebSocket only', socketIo],
  ]
  try {
    /** @type {Map<string, number[]>} */
    const sizes = new Map(kinds.map(([kind]) => [kind, []]))
    for (let round = 0; round < rounds; round += 1) {
      for (const [kind, { origin }] of kinds) sizes.get(kind)?.push(await occupy(chromium, kind, feed.origin, origin))
    }
    const ours = median(sizes.get(ourClient) ?? [])
    return {
      name: 'session-heap',
      title: `Session: JavaScript heap of an idle client in the page, of ${clients}`,
      unit: 'KiB',
      rows: kinds.map(([kind]) => rowOf(kind, summarize((sizes.get(kind) ?? []).map((size) => size / 1_024)), 1)),
      checks: [
        { reach: `≤ ${format(mostBytes / 1_024)} KiB`, value: `${format(ours / 1_024, 1)} KiB`, isMet: ours <= mostBytes },
      ],
    }
  } finally {
    await Promise.all([feed.close(), sessions.close(), socketIo.close()])
    await chromium.close()
  }
}

await runAlone(import.meta, run)
