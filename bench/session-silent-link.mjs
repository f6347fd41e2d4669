/**
 * A link goes silent while both sides send: neither bytes nor the end of the connection pass any more. Later connections work.
 * Measured are the time until the next message, and the lost and repeated messages, both ways.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { launchChromium } from './lib/chromium.mjs'
import { exchange, now, returnedAfter, saySum, sumOf } from './lib/exchange.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { startFeed } from './lib/servers.mjs'
import { summarize } from './lib/stats.mjs'

const limitMs = 8_000
const rates = { downEveryMs: 50, upEveryMs: 50 }
const ourClient = 'steadfast, session'
const calmMs = 4_000
const clients = 8
/** @type {{ kind: string, watchMs: number }[]} */
const plans = [
  { kind: ourClient, watchMs: 15_000 },
  { kind: 'websocket', watchMs: 45_000 },
  { kind: 'socket.io, WebSocket only', watchMs: 45_000 },
  { kind: 'partysocket', watchMs: 45_000 },
]

/**
 * @param {string} pages
 * @param {typeof plans[number]} plan
 */
async function measure(pages, { kind, watchMs }) {
  const chromium = await launchChromium()
  /** @type {{ at: number, sent: number }[]} */
  const faults = []
  try {
    const outcomes = await exchange(chromium, pages, { kind, clients, ...rates }, async (parties) => {
      await sleep(calmMs)
      for (const { proxy, sent } of parties) {
        proxy.silence()
        faults.push({ at: now(), sent: sent() })
      }
      await sleep(watchMs)
    })
    const waits = outcomes.flatMap((outcome, index) => returnedAfter(outcome, faults[index] ?? { at: 0, sent: 0 }) ?? [])
    return { kind, waits, sum: sumOf(outcomes) }
  } finally {
    await chromium.close()
  }
}

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const pages = await startFeed()
  try {
    // In parallel, since they mostly wait; each in a browser of its own.
    const all = await Promise.all(plans.map((plan) => measure(pages.origin, plan)))
    const rows = all.map(({ kind, waits, sum }) => {
      const row = rowOf(kind, summarize(waits))
      return waits.length === 0 ? row : { ...row, value: `${row.value} ms, ${saySum(sum)}` }
    })
    const ours = all.find(({ kind }) => kind === ourClient)
    const slowest = ours?.waits.length === clients ? Math.max(...ours.waits) : Number.POSITIVE_INFINITY
    return {
      name: 'session-silent-link',
      title: 'Session: first message after the link went silent, 20 messages/s both ways (never: not in 45 s)',
      unit: 'ms, and both ways in all',
      rows,
      checks: [
        { reach: `≤ ${format(limitMs)} ms, the slowest`, value: `${format(slowest)} ms`, isMet: slowest <= limitMs },
        {
          reach: '0 lost, 0 repeated, both ways',
          value: ours === undefined ? '–' : saySum(ours.sum),
          isMet: ours?.sum.isClean === true,
        },
      ],
    }
  } finally {
    await pages.close()
  }
}

await runAlone(import.meta, run)
