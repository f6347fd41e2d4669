/** The first message when the WebSocket handshake is answered with 400 and SSE works, 100 ms away. */
import { measureFirstMessages } from './lib/first-message.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { median, summarize } from './lib/stats.mjs'

const distanceMs = 100
const rounds = 15
const mostTimes = 3
const rawClient = 'eventsource'
const ourClient = 'steadfast'

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const kinds = [rawClient, ourClient, 'socket.io, WebSocket first', 'sockjs']
  const faults = { rttMs: distanceMs, upgrade: /** @type {const} */ ('refuse') }
  const results = await measureFirstMessages({ kinds, rounds, faults })
  const raw = median(results.get(rawClient) ?? [])
  /** @param {string} kind */
  const ratios = (kind) => (results.get(kind) ?? []).map((ms) => ms / raw)
  const ours = median(ratios(ourClient))
  return {
    name: 'upgrade-refused',
    title: `First message, upgrade refused with 400, RTT ${distanceMs} ms (raw SSE: ${format(raw)} ms)`,
    unit: '× raw SSE',
    rows: kinds.map((kind) => rowOf(kind, summarize(ratios(kind)), 2)),
    checks: [{ reach: `≤ ${mostTimes} × raw SSE`, value: `${format(ours, 2)} ×`, isMet: ours <= mostTimes }],
  }
}

await runAlone(import.meta, run)
