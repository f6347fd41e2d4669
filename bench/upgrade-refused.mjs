/** The time to the first message when the WebSocket handshake is answered with 400 and SSE works (RTT 100 ms, and 0). */
import { measureFirstMessages } from './lib/first-message.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { median, summarize } from './lib/stats.mjs'

const distanceMs = 100
const rounds = 15
const mostTimes = 3
/** Without latency, where only the clients' own work counts. */
const mostMs = 25
const rawClient = 'eventsource'
const ourClient = 'steadfast'
const kinds = [rawClient, ourClient, 'socket.io, WebSocket first', 'sockjs']

/**
 * @param {readonly string[]} clients
 * @param {number} rttMs
 */
function measure(clients, rttMs) {
  return measureFirstMessages({ kinds: clients, rounds, faults: { rttMs, upgrade: 'refuse' } })
}

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const far = await measure(kinds, distanceMs)
  const near = await measure([...kinds, 'steadfast, no questions', 'websocket, then fetch'], 0)
  const raw = median(far.get(rawClient) ?? [])
  const rawNear = median(near.get(rawClient) ?? [])
  /** @param {string} kind */
  const ratios = (kind) => (far.get(kind) ?? []).map((ms) => ms / raw)
  const ours = median(ratios(ourClient))
  const oursNear = median(near.get(ourClient) ?? [])
  return {
    name: 'upgrade-refused',
    title: `First message, upgrade refused with 400, RTT ${distanceMs} ms (raw SSE: ${format(raw)} ms) and 0 (raw SSE: ${format(rawNear)} ms)`,
    unit: '× raw SSE; at no distance in ms',
    rows: [
      ...kinds.map((kind) => rowOf(kind, summarize(ratios(kind)), 2)),
      ...[...near].map(([kind, ms]) => rowOf(`${kind}; no distance`, summarize(ms))),
    ],
    checks: [
      { reach: `≤ ${mostTimes} × raw SSE`, value: `${format(ours, 2)} ×`, isMet: ours <= mostTimes },
      { reach: `≤ ${mostMs} ms at no distance`, value: `${format(oursNear)} ms`, isMet: oursNear <= mostMs },
    ],
  }
}

await runAlone(import.meta, run)
