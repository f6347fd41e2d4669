/**
 * One topic to 1,000 clients at two nodes that share a Redis, published at both nodes by turns: messages delivered for each second that
 * the nodes compute, and what Redis computes for each message, beside socket.io with its two adapters for Redis. Each has a Redis and
 * processes of its own, which wait while another one is measured.
 */
import { startFleet } from './lib/fleets.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { median, summarize } from './lib/stats.mjs'

const clients = 1_000
const messages = 100
const bytes = 100
const everyMs = 40
const rounds = Number(process.env['ROUNDS'] ?? 7)
const mostRedis = 1.2
const ourClient = 'steadfast'
const names = {
  redis: ourClient,
  'redis-adapter': 'socket.io, redis-adapter',
  'redis-streams-adapter': 'socket.io, redis-streams-adapter',
}

/** @typedef {keyof typeof names} Kind */

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const kinds = /** @type {Kind[]} */ (Object.keys(names))
  const parties = await Promise.all(
    kinds.map(async (kind) => ({
      ...{ kind, name: names[kind], sent: 0 },
      fleet: await startFleet(kind, 'news'),
      deliveries: /** @type {number[]} */ ([]),
      redisMicros: /** @type {number[]} */ ([]),
    })),
  )
  /** @param {typeof parties[number]} party */
  const broadcast = async (party) => {
    const { fleet } = party
    const [nodesBefore, redisBefore] = await Promise.all([fleet.nodeCpuMs(), fleet.redis.cpuMs()])
    const half = { messages: messages / 2, bytes, everyMs: 2 * everyMs }
    await Promise.all(fleet.nodes.map((node) => node.ask('broadcast', half)))
    party.sent += messages
    await fleet.received(party.sent * clients)
    const [nodesAfter, redisAfter] = await Promise.all([fleet.nodeCpuMs(), fleet.redis.cpuMs()])
    return {
      deliveries: (messages * clients * 1_000) / (nodesAfter - nodesBefore),
      redisMicros: ((redisAfter - redisBefore) * 1_000) / messages,
    }
  }
  try {
    for (const { fleet } of parties) await fleet.open(clients / fleet.nodes.length)
    // The first of each is the one in which everything warms up.
    for (const party of parties) await broadcast(party)
    for (let round = 0; round < rounds; round += 1) {
      for (let turn = 0; turn < parties.length; turn += 1) {
        const party = parties[(round + turn) % parties.length]
        if (party === undefined) continue
        const { deliveries, redisMicros } = await broadcast(party)
        party.deliveries.push(deliveries)
        party.redisMicros.push(redisMicros)
      }
    }
  } finally {
    for (const { fleet } of parties) await fleet.stop()
  }
  const [ours, ...peers] = parties
  if (ours === undefined) throw new Error('Nothing was measured.')
  /** @param {readonly number[]} values @param {readonly number[]} beside */
  const times = (values, beside) => median(values.map((value, index) => value / (beside[index] ?? Number.NaN)))
  const checks = peers.map(({ name, deliveries }) => {
    const rate = times(ours.deliveries, deliveries)
    return { reach: `deliveries ≥ 1 × ${name}`, value: `${format(rate, 2)} ×`, isMet: rate >= 1 }
  })
  const adapter = parties.find(({ kind }) => kind === 'redis-adapter')
  const cost = times(ours.redisMicros, adapter?.redisMicros ?? [])
  return {
    name: 'redis-broadcast',
    title: `Redis: broadcast of ${messages} messages of ${bytes} bytes to ${format(clients)} clients at two nodes, one every ${everyMs} ms`,
    unit: 'messages delivered per second of the nodes’ CPU; µs of Redis’s CPU per publish',
    rows: [
      ...parties.map(({ name, deliveries }) => rowOf(name, summarize(deliveries))),
      ...parties.map(({ name, redisMicros }) => rowOf(`${name}, Redis µs`, summarize(redisMicros))),
    ],
    checks: [
      ...checks,
      { reach: `Redis ≤ ${mostRedis} × redis-adapter’s`, value: `${format(cost, 2)} ×`, isMet: cost <= mostRedis },
    ],
  }
}

await runAlone(import.meta, run)
