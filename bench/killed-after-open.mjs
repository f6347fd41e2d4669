/**
 * Every WebSocket handshake passes and its connection is reset 150 ms later, as by common middleboxes that let the handshake
 * pass and kill the tunnel. The client must switch to SSE soon and stay there.
 */
import { launchChromium } from './lib/chromium.mjs'
import { startProxy } from './lib/proxy.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { startFeed } from './lib/servers.mjs'
import { median, summarize } from './lib/stats.mjs'

const rounds = 5
const peerRounds = 1
const watchMs = 12_000
const limitMs = 3_000
const dialsAllowed = 3
const ourClient = 'steadfast'

/**
 * @typedef {object} Visit
 * @property {number | null} sseAt when the first message arrived over SSE
 * @property {number} messages the number of messages over SSE
 * @property {number} lostAfterwards connections lost after that
 * @property {number} dials the total number of WebSocket dials
 */

/**
 * Observes the client for `watchMs`.
 * @param {import('./lib/chromium.mjs').Chromium} chromium
 * @param {string} kind
 * @param {boolean} isQuiet whether the server sends nothing over the WebSocket before the reset
 * @returns {Promise<Visit>}
 */
async function visit(chromium, kind, isQuiet) {
  const server = await startFeed({ isQuiet })
  const proxy = await startProxy({ target: server.port, upgrade: 'kill', killAfterMs: 150 })
  const page = await chromium.newPage()
  await page.goto(`${server.origin}/page?client=${kind}`)
  const seen = await page.evaluate(
    async (kind, origin, watchMs) => {
      const startedAt = performance.now()
      let sseAt = /** @type {number | null} */ (null)
      let messages = 0
      let lostAfterwards = 0
      /** @param {string} _ @param {string} transport */
      const heard = (_, transport) => {
        if (transport !== 'sse') return
        sseAt ??= performance.now() - startedAt
        messages += 1
      }
      const lost = () => {
        if (sseAt !== null) lostAfterwards += 1
      }
      const stop = window.bench.connect(kind, origin, '', heard, lost)
      await new Promise((resolve) => setTimeout(resolve, watchMs))
      const result = { sseAt, messages, lostAfterwards }
      stop()
      return result
    },
    kind,
    proxy.origin,
    watchMs,
  )
  const dials = proxy.upgrades
  await page.close()
  await proxy.close()
  await server.close()
  return { ...seen, dials }
}

/**
 * @param {import('./lib/chromium.mjs').Chromium} chromium
 * @param {string} kind
 * @param {boolean} isQuiet
 * @param {number} rounds
 */
async function visits(chromium, kind, isQuiet, rounds) {
  /** @type {Visit[]} */
  const all = []
  for (let round = 0; round < rounds; round += 1) all.push(await visit(chromium, kind, isQuiet))
  const dials = all.map((one) => one.dials)
  const arrivals = all.flatMap((one) => one.sseAt ?? [])
  const row = rowOf(isQuiet ? kind : `${kind}, after one message`, summarize(arrivals))
  return { all, row: { ...row, value: `${row.value}, ${format(median(dials))} dials` }, maxDials: Math.max(...dials), arrivals }
}

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const chromium = await launchChromium()
  try {
    const ours = await visits(chromium, ourClient, true, rounds)
    const greeted = await visits(chromium, ourClient, false, rounds)
    const peers = ['phoenix', 'websocket', 'partysocket', 'reconnecting-websocket']
    /** @type {import('./lib/report.mjs').Row[]} */
    const rows = []
    for (const kind of peers) rows.push((await visits(chromium, kind, true, peerRounds)).row)
    const slowest = ours.arrivals.length === rounds ? Math.max(...ours.arrivals) : Number.POSITIVE_INFINITY
    const hasStayed = ours.all.every(({ lostAfterwards, messages }) => lostAfterwards === 0 && messages > 1)
    return {
      name: 'killed-after-open',
      title: `Handshake passes, killed after 150 ms, every time: on SSE, and dials of WebSocket in ${watchMs / 1_000} s`,
      unit: 'ms',
      rows: [ours.row, greeted.row, ...rows],
      checks: [
        {
          reach: `on SSE within ${format(limitMs)} ms, the slowest`,
          value: `${format(slowest)} ms`,
          isMet: slowest <= limitMs,
        },
        { reach: 'then stays', value: hasStayed ? 'stayed' : 'left', isMet: hasStayed },
        { reach: `≤ ${dialsAllowed} dials, the most`, value: String(ours.maxDials), isMet: ours.maxDials <= dialsAllowed },
      ],
    }
  } finally {
    await chromium.close()
  }
}

await runAlone(import.meta, run)
