/**
 * The cost of idle sessions in Redis: the memory of a session that is subscribed to one topic (shared by all, or its own), and
 * the CPU time for 10,000 of them on two nodes, over half a minute each.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { startFleet } from './lib/fleets.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { median, summarize } from './lib/stats.mjs'

const sessions = Number(process.env['SESSIONS'] ?? 10_000)
/** The numbers of sessions at the first and the last measurement of memory, so that shared memory is not counted. */
const [few, more] = [500, 2_500]
const perSecond = 400
const settlingMs = 3_000
const calmMs = 30_000
const spanMs = 30_000
const spans = Number(process.env['ROUNDS'] ?? 2)
const mostBytes = 1_000
const mostShare = 0.05

/**
 * Opens sessions.
 * @param {import('./lib/fleets.mjs').Fleet} fleet
 * @returns {Promise<number>} bytes of Redis for one of them, with its channels
 */
async function bytesOfOne({ open, nodes, redis }) {
  await open(few / nodes.length, perSecond)
  await sleep(settlingMs)
  const before = await redis.memoryBytes()
  await open((more - few) / nodes.length, perSecond)
  await sleep(settlingMs)
  return ((await redis.memoryBytes()) - before) / (more - few)
}

/** @param {string} topic @param {(fleet: import('./lib/fleets.mjs').Fleet) => Promise<number>} measure */
async function withFleet(topic, measure) {
  const fleet = await startFleet('redis', topic)
  try {
    return await measure(fleet)
  } finally {
    await fleet.stop()
  }
}

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const bytes = await withFleet('news', bytesOfOne)
  /** @type {number[]} */
  const shares = []
  const bytesWithOwn = await withFleet('own', async (fleet) => {
    const { redis, nodes, clients } = fleet
    const ofOne = await bytesOfOne(fleet)
    await fleet.open((sessions - more) / nodes.length, perSecond)
    await sleep(calmMs)
    for (let span = 0; span < spans; span += 1) {
      const [cpuBefore, startedAt] = [await redis.cpuMs(), performance.now()]
      await sleep(spanMs)
      shares.push(((await redis.cpuMs()) - cpuBefore) / (performance.now() - startedAt))
    }
    const { closed } = await clients.ask('received')
    if (closed !== 0) throw new Error(`${closed} of ${sessions} sessions were hung up.`)
    return ofOne
  })
  const share = median(shares)
  /** @param {string} client @param {number} value */
  const memoryRow = (client, value) => ({ client, value: format(value), median: value })
  return {
    name: 'redis-idle',
    title: `Redis: ${format(sessions)} idle sessions at two nodes, each subscribed to one topic`,
    unit: '% of a core in Redis; bytes of Redis’s memory for one',
    rows: [
      rowOf('steadfast', summarize(shares.map((of) => of * 100)), 1),
      memoryRow('steadfast, memory, a topic of all', bytes),
      memoryRow('steadfast, memory, a topic of its own', bytesWithOwn),
    ],
    checks: [
      { reach: `Redis ≤ ${mostShare * 100} % of a core`, value: `${format(share * 100, 1)} %`, isMet: share <= mostShare },
      { reach: `≤ ${format(mostBytes)} bytes for a session with a topic`, value: format(bytes), isMet: bytes <= mostBytes },
    ],
  }
}

await runAlone(import.meta, run)
