/**
 * The time to the first message of a new session with a round trip of 100 ms, in round trips: the connection takes one, and
 * the hello is sent with the handshake or the request, so the second one brings the message. The further work of client and
 * browser is measured without latency, and subtracted.
 */
import { measureFirstMessages } from './lib/first-message.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { median, summarize } from './lib/stats.mjs'

const distanceMs = 100
const rounds = 10
const tolerance = 0.1
const lanes = [
  { name: 'over WebSocket', raw: 'websocket', ours: 'steadfast, session over WebSocket' },
  { name: 'over SSE', raw: 'eventsource', ours: 'steadfast, session over SSE' },
]

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const kinds = [...lanes.flatMap(({ raw, ours }) => [raw, ours]), 'socket.io', 'sockjs']
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
  return {
    name: 'session-first-message',
    title: `Session: first message of a new one, RTT ${distanceMs} ms`,
    unit: 'round trips',
    rows: kinds.map(row),
    checks: lanes.map(({ name, raw, ours }) => ({
      reach: `2.0 round trips ${name} (± ${tolerance})`,
      value: `${format(tripsOf(ours), 2)}, raw ${format(tripsOf(raw), 2)}`,
      isMet: tripsOf(ours) <= 2 + tolerance,
    })),
  }
}

await runAlone(import.meta, run)
