/**
 * The WebSocket handshake passes and no frame after it; SSE works. A session's transport is usable once its `open` frame has
 * arrived, so the client must switch to SSE as soon as it has raced it, and no message of either side may be lost.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { launchChromium } from './lib/chromium.mjs'
import { exchange, saySum, sumOf } from './lib/exchange.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { startFeed } from './lib/servers.mjs'
import { median, summarize } from './lib/stats.mjs'

/** The client's `raceAfterMs` if it does not know the round trip. */
const raceAfterMs = 500
const limitMs = raceAfterMs + 100
const rates = { downEveryMs: 5, upEveryMs: 50 }
const ourClient = 'steadfast, session'
const watchMs = 8_000
const rounds = Number(process.env['ROUNDS'] ?? 7)
/** @type {{ kind: string, rounds: number }[]} */
const plans = [
  { kind: ourClient, rounds },
  { kind: 'websocket', rounds: 1 },
  { kind: 'socket.io, WebSocket first', rounds: 1 },
  { kind: 'partysocket', rounds: 1 },
]

/**
 * @param {import('./lib/chromium.mjs').Chromium} chromium
 * @param {string} pages
 * @param {string} kind
 */
async function visit(chromium, pages, kind) {
  const plan = { kind, clients: 1, ...rates, faults: { upgrade: /** @type {const} */ ('mute') } }
  const [outcome] = await exchange(chromium, pages, plan, () => sleep(watchMs))
  if (outcome === undefined) throw new Error('Nobody took part.')
  const [first] = outcome.arrivals
  return { outcome, firstMs: first === undefined ? null : first.at - outcome.startedAt, transport: first?.transport }
}

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const chromium = await launchChromium()
  const pages = await startFeed()
  try {
    /** @type {import('./lib/report.mjs').Row[]} */
    const rows = []
    /** @type {import('./lib/report.mjs').Check[]} */
    const checks = []
    for (const { kind, rounds } of plans) {
      /** @type {Awaited<ReturnType<typeof visit>>[]} */
      const visits = []
      for (let round = 0; round < rounds; round += 1) visits.push(await visit(chromium, pages.origin, kind))
      const waits = visits.flatMap(({ firstMs }) => firstMs ?? [])
      const sum = sumOf(visits.map(({ outcome }) => outcome))
      const row = rowOf(kind, summarize(waits))
      rows.push(waits.length === 0 ? row : { ...row, value: `${row.value} ms, ${saySum(sum)}` })
      if (kind !== ourClient) continue
      const isOnSse = visits.every(({ transport }) => transport === 'sse')
      const middle = waits.length === rounds ? median(waits) : Number.POSITIVE_INFINITY
      checks.push(
        {
          reach: `on SSE within raceAfterMs (${raceAfterMs}) + 100 ms`,
          value: `${format(middle)} ms${isOnSse ? '' : ', not on SSE'}`,
          isMet: isOnSse && middle <= limitMs,
        },
        { reach: 'nothing lost, nothing repeated', value: saySum(sum), isMet: sum.isClean },
      )
    }
    return {
      name: 'session-frames-swallowed',
      title: `Session: first message when the handshake passes and frames are swallowed (never: not in ${watchMs / 1_000} s)`,
      unit: 'ms, and both ways in all',
      rows,
      checks,
    }
  } finally {
    await pages.close()
    await chromium.close()
  }
}

await runAlone(import.meta, run)
