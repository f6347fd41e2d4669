/**
 * A real server with 1,000 real clients, all with their defaults, is down for 10 s and restarts on the same port: how many
 * clients it refuses with 4429 although they returned when they were told to, and when 99 % of them are back. Servers and
 * clients are processes of their own.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { startProcess } from './lib/processes.mjs'
import { format, runAlone } from './lib/report.mjs'
import { median } from './lib/stats.mjs'

const count = 1_000
const calmMs = 6_000
const awayMs = 10_000
const watchMs = 20_000
const limitMs = 4_900
const rounds = Number(process.env['ROUNDS'] ?? 3)
const ourClient = 'steadfast, session'
const kinds = [ourClient, 'socket.io']

/** @param {string} kind */
async function restart(kind) {
  const serverKind = kind === ourClient ? 'steadfast' : kind
  const server = await startProcess('restarting-server.mjs', [serverKind])
  const clients = await startProcess('many-clients.mjs')
  try {
    const { origin } = server
    await clients.ask('open', { kind, origin, count })
    await sleep(calmMs)
    server.stop()
    await sleep(awayMs)
    const again = await startProcess('restarting-server.mjs', [serverKind, new URL(origin).port])
    try {
      const since = Date.now()
      await sleep(watchMs)
      const { returned, medianMs, p99Ms, dials, refused } = await clients.ask('returned', { since, count })
      return {
        returned: Number(returned),
        medianMs: Number(medianMs),
        p99Ms: Number(p99Ms),
        dials: Number(dials),
        refused: Number(refused),
      }
    } finally {
      again.stop()
    }
  } finally {
    clients.stop()
    server.stop()
  }
}

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  /** @type {Map<string, Awaited<ReturnType<typeof restart>>[]>} */
  const outcomes = new Map(kinds.map((kind) => [kind, []]))
  for (let round = 0; round < rounds; round += 1) for (const kind of kinds) outcomes.get(kind)?.push(await restart(kind))
  const rows = kinds.map((kind) => {
    const each = outcomes.get(kind) ?? []
    const p99Ms = median(each.map((outcome) => outcome.p99Ms))
    const refused = each.map((outcome) => outcome.refused).join(' ')
    const dials = format(median(each.map((outcome) => outcome.dials / count)), 1)
    return {
      client: kind,
      value: `${format(p99Ms / 1_000, 1)} s, half of them ${format(median(each.map(({ medianMs }) => medianMs)) / 1_000, 1)} s, ${dials} dials each, refused with 4429: ${refused}`,
      median: p99Ms,
      spread: `${each.map((outcome) => format(outcome.p99Ms / 1_000, 2)).join(' ')} s`,
    }
  })
  const ours = outcomes.get(ourClient) ?? []
  const p99Ms = median(ours.map((outcome) => outcome.p99Ms))
  const refused = ours.reduce((sum, outcome) => sum + outcome.refused, 0)
  const returned = Math.min(...ours.map((outcome) => outcome.returned))
  return {
    name: 'session-restart',
    title: `Session: ${format(count)} real clients, a real server restarts after ${awayMs / 1_000} s`,
    unit: 'until 99 % were back',
    rows,
    checks: [
      { reach: `99 % back within ${limitMs} ms`, value: `${format(p99Ms)} ms`, isMet: p99Ms <= limitMs },
      { reach: 'nobody refused with 4429', value: `${refused} in ${rounds} restarts`, isMet: refused === 0 },
      { reach: 'everybody back', value: format(returned), isMet: returned >= count },
    ],
  }
}

await runAlone(import.meta, run)
