/**
 * Receiving in session mode: 200,000 messages of 100 bytes over WebSocket, an event stream and long-poll, and 2,000 of 64 KiB
 * over WebSocket, sent by a process of its own as fast as the socket accepts them, all different, through the default store.
 * It is compared with the browser's own APIs, with a frame, an event or a line per message and the same listener, and with a
 * raw WebSocket whose server batches too. The runs alternate, each in a new page.
 */
import { launchChromium } from './lib/chromium.mjs'
import { measurePairs, rateCheck, sayRate } from './lib/pairs.mjs'
import { startProcess } from './lib/processes.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { startFeed } from './lib/servers.mjs'
import { summarize } from './lib/stats.mjs'

const ourClient = 'steadfast'
const rounds = { least: 7, most: 15, precision: 0.05 }
const small = { messages: 200_000, bytes: 100, form: 'text' }
const large = { messages: 2_000, bytes: 65_536, form: 'binary' }

/**
 * @typedef {object} Lane
 * @property {string} name
 * @property {'websocket' | 'sse' | 'long-poll'} transport
 * @property {string} raw the browser API used for comparison
 * @property {string} what the label of the comparison
 * @property {typeof small} flood
 * @property {number} [least] the minimum speed-up; without it the comparison is only reported
 */
/** @type {Lane[]} */
const lanes = [
  { name: 'over WebSocket', transport: 'websocket', raw: 'websocket', what: 'raw WebSocket', flood: small, least: 6 },
  {
    name: 'over WebSocket beside batches',
    transport: 'websocket',
    raw: 'websocket, batches',
    what: 'batches of JSON',
    flood: small,
  },
  { name: 'over SSE', transport: 'sse', raw: 'eventsource', what: 'a raw event stream', flood: small, least: 1 },
  {
    name: 'over long-poll',
    transport: 'long-poll',
    raw: 'fetch',
    what: 'raw bodies split at newlines',
    flood: small,
    least: 0.9,
  },
  { name: '64 KiB binary', transport: 'websocket', raw: 'websocket', what: 'raw WebSocket, 64 KiB', flood: large, least: 0.9 },
]

/**
 * In the page: milliseconds from the first message to the last.
 * @param {string} origin
 * @param {string} raw
 * @param {typeof small} flood
 * @returns {Promise<number>}
 */
function receiveRaw(origin, raw, { messages, bytes, form }) {
  return new Promise((resolve, reject) => {
    const query = `messages=${messages}&bytes=${bytes}&form=${form}`
    const expected = messages * bytes
    let startedAt = 0
    let came = 0
    let end = () => {}
    /** @param {string | ArrayBuffer} data */
    const take = (data) => {
      if (came === 0) startedAt = performance.now()
      came += typeof data === 'string' ? data.length : data.byteLength
      if (came < expected) return
      resolve(performance.now() - startedAt)
      end()
    }
    if (raw.startsWith('websocket')) {
      const isBatched = raw === 'websocket, batches'
      const asked = isBatched ? query.replace('form=text', 'form=batches') : query
      const socket = new WebSocket(`${origin.replace('http', 'ws')}/flood?${asked}`)
      socket.binaryType = 'arraybuffer'
      socket.addEventListener('message', ({ data }) => {
        if (isBatched) for (const text of JSON.parse(data)) take(text)
        else take(data)
      })
      end = () => socket.close()
    } else if (raw === 'eventsource') {
      const source = new EventSource(`${origin}/events?${query}`)
      source.addEventListener('message', ({ data }) => take(data))
      end = () => source.close()
    } else {
      const poll = async () => {
        while (came < expected) {
          const response = await fetch(`${origin}/poll?${query}&after=${came / bytes}`, { cache: 'no-store' })
          for (const line of (await response.text()).split('\n')) take(line)
        }
      }
      poll().catch(reject)
    }
  })
}

/**
 * In the page: the same over a session.
 * @param {string} origin
 * @param {'websocket' | 'sse' | 'long-poll'} transport
 * @param {typeof small} flood
 * @returns {Promise<number>}
 */
function receiveInSession(origin, transport, { messages, bytes, form }) {
  return new Promise((resolve, reject) => {
    const expected = messages * bytes
    let startedAt = 0
    let came = 0
    const client = new window.Steadfast.RealtimeClient(`${origin}/session`, {
      protocol: window.Steadfast.session(),
      transports: [transport],
    })
    client.addEventListener('open', () => client.send(`flood ${messages} ${bytes} ${form}`), { once: true })
    client.addEventListener('gap', ({ after, resumesAt }) => reject(new Error(`A gap from ${after} to ${resumesAt}.`)))
    client.addEventListener('close', ({ code, reason }) => reject(new Error(`Closed: ${code} ${reason}`)))
    client.addEventListener('message', ({ data }) => {
      if (came === 0) startedAt = performance.now()
      came += typeof data === 'string' ? data.length : data.byteLength
      if (came < expected) return
      resolve(performance.now() - startedAt)
      client.close()
    })
  })
}

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const chromium = await launchChromium()
  const pages = await startFeed()
  const rawServer = await startProcess('raw-server.mjs')
  const server = await startProcess('session-server.mjs', [pages.origin])
  /**
   * @template {unknown[]} Args
   * @param {(...args: Args) => Promise<number>} receive
   * @param {Args} args
   */
  const inPage = async (receive, ...args) => {
    const page = await chromium.newPage()
    await page.goto(`${pages.origin}/page?client=${ourClient}`)
    const ms = await page.evaluate(receive, ...args)
    await page.close()
    return ms
  }
  /** @type {import('./lib/report.mjs').Row[]} */
  const rows = []
  /** @type {import('./lib/report.mjs').Check[]} */
  const checks = []
  try {
    for (const { name, transport, raw, what, flood, least } of lanes) {
      const { rates, ...costs } = await measurePairs(
        rounds,
        () => inPage(receiveRaw, rawServer.origin, raw, flood),
        () => inPage(receiveInSession, server.origin, transport, flood),
      )
      /** @param {number[]} times */
      const summaryOf = (times) => summarize(times.map((ms) => (ms * 1_000) / flood.messages))
      const told = least === undefined ? ` (${sayRate(rates)} ${what})` : ''
      rows.push(
        rowOf(`${raw}, ${name}`, summaryOf(costs.raw), 2),
        rowOf(`${ourClient}, ${name}${told}`, summaryOf(costs.ours), 2),
      )
      if (least !== undefined) checks.push(rateCheck(what, rates, least))
    }
  } finally {
    server.stop()
    rawServer.stop()
    await pages.close()
    await chromium.close()
  }
  return {
    name: 'session-receiving',
    title: `Session: receiving ${format(small.messages)} messages of ${small.bytes} bytes, and ${format(large.messages)} of 64 KiB`,
    unit: 'µs per message',
    rows,
    checks,
  }
}

await runAlone(import.meta, run)
