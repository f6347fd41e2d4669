/**
 * The round-trip time of single messages over WebSocket, one after the other: batching must not delay a single message. The
 * page is cross-origin isolated (COOP and COEP), because otherwise Chromium's clock has a resolution of 0.1 ms only.
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
const peerClient = 'socket.io'
const plan = { warmUp: 300, count: 1_000, bytes: 100 }

/**
 * In the page: the round-trip times in microseconds.
 * @param {string} origin
 * @param {string} kind
 * @param {typeof plan} plan
 */
async function echo(origin, kind, { warmUp, count, bytes }) {
  if (!crossOriginIsolated) throw new Error('The clock of this page is too coarse.')
  let heard = () => {}
  /** @param {string} data */
  const take = (data) => {
    if (data.length === bytes) heard()
  }
  /** @type {{ send: (text: string) => void, close: () => void }} */
  let connection
  if (kind === 'socket.io') {
    const socket = window.io(origin, { transports: ['websocket'] })
    await new Promise((resolve) => socket.on('connect', resolve))
    socket.on('message', take)
    connection = { send: (text) => void socket.emit('message', text), close: () => void socket.disconnect() }
  } else {
    const client =
      kind === 'websocket'
        ? new WebSocket(`${origin.replace('http', 'ws')}/echo`)
        : new window.Steadfast.RealtimeClient(`${origin}/session`, {
            protocol: window.Steadfast.session(),
            transports: ['websocket'],
          })
    const socket = /** @type {WebSocket} */ (client)
    await new Promise((resolve) => socket.addEventListener('open', resolve))
    socket.addEventListener('message', ({ data }) => take(data))
    connection = socket
  }
  const text = 'x'.repeat(bytes)
  /** @type {number[]} */
  const times = []
  for (let index = -warmUp; index < count; index += 1) {
    const startedAt = performance.now()
    const back = new Promise((resolve) => {
      heard = () => resolve(performance.now())
    })
    connection.send(text)
    const time = (await back) - startedAt
    if (index >= 0) times.push(time * 1_000)
    // The next message is sent in a task of its own, as messages of users are.
    await new Promise((resolve) => setTimeout(resolve))
  }
  connection.close()
  return times
}

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const chromium = await launchChromium()
  const pages = await startFeed()
  const servers = {
    [rawClient]: await startProcess('raw-server.mjs'),
    [ourClient]: await startProcess('session-server.mjs', [pages.origin]),
    [peerClient]: await startProcess('socket-io-server.mjs'),
  }
  /** @param {keyof typeof servers} kind */
  const inPage = async (kind) => {
    const page = await chromium.newPage()
    await page.goto(`${pages.origin}/page?client=${kind}&isolated`)
    const times = await page.evaluate(echo, servers[kind].origin, kind, plan)
    await page.close()
    return times
  }
  /** @param {keyof typeof servers} kind */
  const besideRaw = (kind) =>
    measureDistributions(
      rounds,
      () => inPage(rawClient),
      () => inPage(kind),
    )
  try {
    const { raw, ours } = await besideRaw(ourClient)
    const peer = await besideRaw(peerClient)
    /** @param {number[][]} runs @param {number[][]} beside @param {number} share */
    const timesOf = (runs, beside, share) =>
      median(runs.map((run, index) => quantile(run, share) / quantile(beside[index] ?? [], share)))
    const rows = [0.5, 0.99].flatMap((share) => {
      const peerTimes = format(timesOf(peer.ours, peer.raw, share), 3)
      return [
        rowOf(`${rawClient}, p${share * 100}`, summarize(raw.map((times) => quantile(times, share)))),
        rowOf(`${ourClient}, p${share * 100}`, summarize(ours.map((times) => quantile(times, share)))),
        rowOf(
          `${peerClient}, p${share * 100} (${peerTimes} × raw beside it)`,
          summarize(peer.ours.map((times) => quantile(times, share))),
        ),
      ]
    })
    const checks = [0.5, 0.99].map((share) => {
      const times = timesOf(ours, raw, share)
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
    for (const server of Object.values(servers)) server.stop()
    await pages.close()
    await chromium.close()
  }
}

await runAlone(import.meta, run)
