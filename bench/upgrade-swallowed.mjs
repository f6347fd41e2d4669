/**
 * The time to the first message when the WebSocket handshake is never answered and SSE works, without latency. The client must
 * dial SSE beside it: after 500 ms if it does not know the round trip, sooner if the page has the same origin.
 */
import { measureFirstMessages } from './lib/first-message.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { median, summarize } from './lib/stats.mjs'

const rounds = 10
const peerRounds = 3
const peerLimitMs = 8_000
const rawClient = 'eventsource'
const ourClient = 'steadfast'
const limitsMs = { unknown: 600, known: 350 }

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const faults = { upgrade: /** @type {const} */ ('swallow') }
  const plan = { kinds: [rawClient, ourClient], rounds, faults }
  const peers = ['sockjs', 'socket.io, WebSocket first', 'partysocket']
  const unknown = await measureFirstMessages(plan)
  const known = await measureFirstMessages({ ...plan, isSameOrigin: true })
  const others = await measureFirstMessages({ kinds: peers, rounds: peerRounds, faults, limitMs: peerLimitMs })
  /** @param {Map<string, number[]>} results @param {string} kind */
  const row = (results, kind) =>
    rowOf(`${kind}${results === known ? ', known round trip' : ''}`, summarize(results.get(kind) ?? []))
  /** @param {'known' | 'unknown'} name @param {Map<string, number[]>} results */
  const check = (name, results) => {
    const ours = median(results.get(ourClient) ?? [])
    return {
      reach: `≤ ${limitsMs[name]} ms with ${name} round trip`,
      value: `${format(ours)} ms`,
      isMet: ours <= limitsMs[name],
    }
  }
  return {
    name: 'upgrade-swallowed',
    title: `First message, upgrade swallowed for ever, RTT 0 (never: not in ${peerLimitMs / 1_000} s)`,
    unit: 'ms',
    rows: [
      ...[unknown, known].flatMap((results) => plan.kinds.map((kind) => row(results, kind))),
      ...peers.map((kind) => row(others, kind)),
    ],
    checks: [check('unknown', unknown), check('known', known)],
  }
}

await runAlone(import.meta, run)
