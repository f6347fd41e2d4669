/**
 * One message there and back over WebSocket, one after the other: batching must not make a lone message wait. The page is
 * isolated (COOP and COEP), because elsewhere Chromium's clock only shows tenths of a millisecond.
 */
import { launchChromium } from './lib/chromium.mjs'
import { measureDistributions } from './lib/pairs.mjs'
import { startProcess } from './lib/processes.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { startFeed } from './lib/servers.mjs'
import { median, quantile, summarize } from './lib/stats.mjs'

const mostTimes = 1.15
const rounds = 15
const rawClient = 'websocket'
const ourClient = 'steadfast'
const plan = { warmUp: 300, count: 1_000, bytes: 100 }

/**
 * In the page: microseconds for each there and back.
 * @param {string} origin
 * @param {boolean} isRaw
 * @param {typeof plan} plan
 */
async function echo(origin, isRaw, { warmUp, count, bytes }) {
  if (!crossOriginIsolated) throw new Error('The clock of this page is too coarse.')
  const client = isRaw
    ? new WebSocket(`${origin.replace('http', 'ws')}/echo`)
    : new window.Steadfast.RealtimeClient(`${origin}/session`, { protocol: 'session', transports: ['websocket'] })
  const socket = /** @type {WebSocket} */ (client)
  await new Promise((resolve) => socket.addEventListener('open', resolve))
  const text = 'x'.repeat(bytes)
  let heard = () => {}
  socket.addEventListener('message', ({ data }) => {
    if (data.length === bytes) heard()
  })
  /** @type {number[]} */
  const times = []
  for (let index = -warmUp; index < count; index += 1) {
    const startedAt = performance.now()
    const back = new Promise((resolve) => {
      heard = () => resolve(performance.now())
    })
    socket.send(text)
    const time = (await back) - startedAt
    if (index >= 0) times.push(time * 1_000)
    // The next one begins in a task of its own, as messages of people do.
    await new Promise((resolve) => setTimeout(resolve))
  }
  socket.close()
  return times
}

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const chromium = await launchChromium()
  const pages = await startFeed()
  const rawServer = await startProcess('raw-server.mjs')
  const server = await startProcess('session-server.mjs', [pages.origin])
  /** @param {boolean} isRaw */
  const inPage = async (isRaw) => {
    const page = await chromium.newPage()
    await page.goto(`${pages.origin}/page?client=${ourClient}&isolated`)
    const times = await page.evaluate(echo, (isRaw ? rawServer : server).origin, isRaw, plan)
    await page.close()
    return times
  }
  try {
    const { raw, ours } = await measureDistributions(
      rounds,
      () => inPage(true),
      () => inPage(false),
    )
    const rows = [0.5, 0.99].flatMap((share) =>
      [rawClient, ourClient].map((client) => {
        const runs = client === rawClient ? raw : ours
        return rowOf(`${client}, p${share * 100}`, summarize(runs.map((times) => quantile(times, share))))
      }),
    )
    const checks = [0.5, 0.99].map((share) => {
      const times = median(ours.map((run, index) => quantile(run, share) / quantile(raw[index] ?? [], share)))
      return {
        reach: `p${share * 100} ≤ ${mostTimes} × raw WebSocket`,
        value: `${format(times, 3)} ×`,
        isMet: times <= mostTimes,
      }
    })
    return {
      name: 'session-echo',
      title: `Session: one message of ${plan.bytes} bytes there and back over WebSocket, ${rounds} runs of ${format(plan.count)}`,
      unit: 'µs',
      rows,
      checks,
    }
  } finally {
    server.stop()
    rawServer.stop()
    await pages.close()
    await chromium.close()
  }
}

await runAlone(import.meta, run)
