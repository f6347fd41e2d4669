/**
 * What sessions cost a Redis that do nothing: the memory of one that is subscribed to a topic of its own, and the CPU for 10,000 of them at
 * two nodes, over half a minute each.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { startFleet } from './lib/fleets.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { median, summarize } from './lib/stats.mjs'

const sessions = Number(process.env['SESSIONS'] ?? 10_000)
/** So many are there when the memory is measured for the first and for the last time: what all share is not counted. */
const [few, more] = [500, 2_500]
const perSecond = 400
const calmMs = 30_000
const spanMs = 30_000
const spans = Number(process.env['ROUNDS'] ?? 2)
const mostBytes = 1_000
const mostShare = 0.05

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const fleet = await startFleet('redis', 'own')
  /** @type {number[]} */
  const shares = []
  let bytes = Number.NaN
  try {
    const { redis, nodes } = fleet
    await fleet.open(few / nodes.length, perSecond)
    await sleep(3_000)
    const before = await redis.memoryBytes()
    await fleet.open((more - few) / nodes.length, perSecond)
    await sleep(3_000)
    bytes = ((await redis.memoryBytes()) - before) / (more - few)
    await fleet.open((sessions - more) / nodes.length, perSecond)
    await sleep(calmMs)
    for (let span = 0; span < spans; span += 1) {
      const [cpuBefore, startedAt] = [await redis.cpuMs(), performance.now()]
      await sleep(spanMs)
      shares.push(((await redis.cpuMs()) - cpuBefore) / (performance.now() - startedAt))
    }
    const { closed } = await fleet.clients.ask('received')
    if (closed !== 0) throw new Error(`${closed} of ${sessions} sessions were hung up.`)
  } finally {
    await fleet.stop()
  }
  const share = median(shares)
  const summary = summarize(shares.map((of) => of * 100))
  return {
    name: 'redis-idle',
    title: `Redis: ${format(sessions)} idle sessions at two nodes, each subscribed to a topic of its own`,
    unit: '% of a core in Redis; bytes of Redis’s memory for one',
    rows: [rowOf('steadfast', summary, 1), { client: 'steadfast, memory', value: format(bytes), median: bytes }],
    checks: [
      { reach: `Redis ≤ ${mostShare * 100} % of a core`, value: `${format(share * 100, 1)} %`, isMet: share <= mostShare },
      { reach: `≤ ${format(mostBytes)} bytes for a session with a topic`, value: format(bytes), isMet: bytes <= mostBytes },
    ],
  }
}

await runAlone(import.meta, run)
