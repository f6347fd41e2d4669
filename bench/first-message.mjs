/**
 * The time to the first message over a working WebSocket with a round trip of 100 ms, in round trips: the connection takes
 * one, the handshake one. The further work of client and browser is measured without latency, and subtracted.
 */
import { measureFirstMessages } from './lib/first-message.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { median, summarize } from './lib/stats.mjs'

const distanceMs = 100
const rounds = 15
const tolerance = 0.1
const rawClient = 'websocket'
const ourClient = 'steadfast'

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const kinds = [rawClient, ourClient, 'socket.io', 'sockjs']
  const far = await measureFirstMessages({ kinds, rounds, faults: { rttMs: distanceMs } })
  const near = await measureFirstMessages({ kinds, rounds, faults: {} })
  /** @param {string} kind */
  const costMs = (kind) => median(near.get(kind) ?? [])
  /** @param {string} kind */
  const tripsOf = (kind) => (median(far.get(kind) ?? []) - costMs(kind)) / distanceMs
  /** @param {string} kind */
  const row = (kind) => {
    const { spread, ...total } = rowOf(kind, summarize((far.get(kind) ?? []).map((ms) => ms / distanceMs)), 2)
    const parts = `${format(tripsOf(kind), 2)} round trips + ${format(costMs(kind))} ms`
    return { ...total, value: `${parts} = ${total.value}`, ...(spread !== undefined && { spread }) }
  }
  const [ours, raw] = [tripsOf(ourClient), tripsOf(rawClient)]
  return {
    name: 'first-message',
    title: `First message, healthy WebSocket, RTT ${distanceMs} ms`,
    unit: 'round trips',
    rows: kinds.map(row),
    checks: [
      {
        reach: `2.0 round trips, as raw WebSocket (± ${tolerance})`,
        value: `${format(ours, 2)}, raw ${format(raw, 2)}`,
        isMet: Math.abs(ours - raw) <= tolerance && Math.abs(ours - 2) <= tolerance,
      },
    ],
  }
}

await runAlone(import.meta, run)
