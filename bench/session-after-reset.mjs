/**
 * A connection is reset while the server is up and both sides send numbered messages, 200 per second down and 20 up. Measured
 * are the time until the next message, and the lost and repeated messages, both ways. The same clients are measured again on a
 * server with 10,000 other sessions: a single client that returns must not wait as if all of them did.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { launchChromium } from './lib/chromium.mjs'
import { exchange, now, returnedAfter, saySum, sumOf } from './lib/exchange.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { startFeed } from './lib/servers.mjs'
import { median, summarize } from './lib/stats.mjs'

const limitMs = 100
const busyLimitMs = 1_000
const idle = 10_000
const rates = { downEveryMs: 5, upEveryMs: 50 }
const ourClient = 'steadfast, session'
const busyServer = `${ourClient}, beside ${format(idle)} others`
const losses = Number(process.env['ROUNDS'] ?? 5)
/** Long enough for every client to count its connection as proven. */
const lifeMs = () => 5_500 + 1_000 * Math.random()
/** @type {{ kind: string, clients: number, losses: number, name?: string, idle?: number }[]} */
const plans = [
  { kind: ourClient, clients: 10, losses },
  // Its first delay is drawn from [0, 1.8 s): the median of 50 would have a standard error of 130 ms.
  { kind: ourClient, clients: 20, losses: 3 * losses, name: busyServer, idle },
  { kind: 'websocket', clients: 10, losses },
  { kind: 'socket.io, WebSocket only', clients: 10, losses: Math.min(losses, 2) },
  { kind: 'partysocket', clients: 10, losses: Math.min(losses, 2) },
]

/**
 * @param {import('./lib/chromium.mjs').Chromium} chromium
 * @param {string} pages
 * @param {typeof plans[number]} plan
 */
async function measure(chromium, pages, { kind, clients, losses, idle = 0 }) {
  /** @type {{ at: number, sent: number }[][]} */
  const faults = []
  const outcomes = await exchange(chromium, pages, { kind, clients, idle, ...rates }, async (parties) => {
    const each = parties.map(async ({ proxy, sent }, index) => {
      faults[index] = []
      for (let loss = 0; loss < losses; loss += 1) {
        await sleep(lifeMs())
        faults[index]?.push({ at: now(), sent: sent() })
        proxy.reset()
      }
      await sleep(lifeMs())
    })
    await Promise.all(each)
  })
  const waits = outcomes.flatMap((outcome, index) =>
    (faults[index] ?? []).flatMap((fault) => returnedAfter(outcome, fault) ?? []),
  )
  return { waits, sum: sumOf(outcomes) }
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
    for (const plan of plans) {
      const { waits, sum } = await measure(chromium, pages.origin, plan)
      const name = plan.name ?? plan.kind
      const row = rowOf(name, summarize(waits))
      rows.push({ ...row, value: `${row.value} ms, ${saySum(sum)}` })
      if (plan.kind !== ourClient) continue
      const isEach = waits.length === plan.clients * plan.losses
      const mostMs = plan.idle ? busyLimitMs : limitMs
      const where = plan.idle ? `, beside ${format(plan.idle)} others` : ''
      checks.push(
        {
          reach: `median ≤ ${format(mostMs)} ms${where}`,
          value: `${format(median(waits))} ms of ${waits.length}`,
          isMet: isEach && median(waits) <= mostMs,
        },
        { reach: `0 lost, 0 repeated, both ways${where}`, value: saySum(sum), isMet: sum.isClean },
      )
    }
    return {
      name: 'session-after-reset',
      title: 'Session: first message after RST with the server still up, 200 messages/s down and 20/s up',
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
