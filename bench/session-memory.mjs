/**
 * The memory of an idle WebSocket in the server: the growth of the RSS by 4,000 of them after 500 others, compared with bare
 * `ws`. Each measurement has a new process, and collects garbage first.
 */
import { measurePairs } from './lib/pairs.mjs'
import { startProcess } from './lib/processes.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { median, summarize } from './lib/stats.mjs'

const first = 500
const more = 4_000
const mostTimes = 1.5
const rounds = { least: 5, most: 5, precision: 0 }
const rawClient = 'ws'
const ourClient = 'steadfast'

/**
 * @param {boolean} isRaw
 * @returns {Promise<number>} bytes
 */
async function occupy(isRaw) {
  const server = await (isRaw ? startProcess('raw-server.mjs') : startProcess('session-server.mjs'))
  const clients = await startProcess('many-sockets.mjs')
  try {
    const url = server.origin.replace('http', 'ws') + (isRaw ? '/hold' : '/session')
    const sockets = { url, speech: isRaw ? 'raw' : 'session' }
    await clients.ask('open', { ...sockets, count: first })
    const before = await server.ask('memory')
    await clients.ask('open', { ...sockets, count: more })
    const after = await server.ask('memory')
    return (Number(after['rss']) - Number(before['rss'])) / more
  } finally {
    clients.stop()
    server.stop()
  }
}

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const { raw, ours } = await measurePairs(
    rounds,
    () => occupy(true),
    () => occupy(false),
  )
  const times = median(ours) / median(raw)
  /** @param {string} client @param {number[]} sizes */
  const row = (client, sizes) => rowOf(client, summarize(sizes.map((size) => size / 1_024)), 1)
  return {
    name: 'session-memory',
    title: `Session: RSS of the server for an idle WebSocket, of ${format(more)}`,
    unit: 'KiB',
    rows: [row(rawClient, raw), row(ourClient, ours)],
    checks: [{ reach: `≤ ${mostTimes} × a bare ws connection`, value: `${format(times, 2)} ×`, isMet: times <= mostTimes }],
  }
}

await runAlone(import.meta, run)
