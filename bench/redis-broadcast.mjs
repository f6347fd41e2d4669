/**
 * One topic to 1,000 clients at two nodes that share a Redis, published at both nodes alternately: deliveries per second of
 * CPU time of the nodes, and CPU time of Redis per message, compared with socket.io and its two Redis adapters. Each has a
 * Redis and processes of its own, which are idle while another one is measured. As a lower bound, without clients, the
 * shortest script that stores and numbers a message in one step.
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
const kinds = /** @type {const} */ ([
  { kind: 'redis', name: 'steadfast' },
  { kind: 'redis-adapter', name: 'socket.io, redis-adapter' },
  { kind: 'redis-streams-adapter', name: 'socket.io, redis-streams-adapter' },
  { kind: 'least-script', name: 'the shortest script' },
])

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const parties = await Promise.all(
    kinds.map(async ({ kind, name }) => ({
      kind,
      name,
      sent: 0,
      clients: kind === 'least-script' ? 0 : clients,
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
    await fleet.received(party.sent * party.clients)
    const [nodesAfter, redisAfter] = await Promise.all([fleet.nodeCpuMs(), fleet.redis.cpuMs()])
    return {
      deliveries: (messages * party.clients * 1_000) / (nodesAfter - nodesBefore),
      redisMicros: ((redisAfter - redisBefore) * 1_000) / messages,
    }
  }
  try {
    for (const { fleet, clients } of parties) await fleet.open(clients / fleet.nodes.length)
    // The first broadcast of each is a warm-up.
    for (const party of parties) await broadcast(party)
    for (let round = 0; round < rounds; round += 1) {
      for (const index of parties.keys()) {
        const party = parties[(round + index) % parties.length]
        if (party === undefined) continue
        const { deliveries, redisMicros } = await broadcast(party)
        party.deliveries.push(deliveries)
        party.redisMicros.push(redisMicros)
      }
    }
  } finally {
    for (const { fleet } of parties) await fleet.stop()
  }
  /** The ratio to another kind in the same round. @param {'deliveries' | 'redisMicros'} what @param {string} kind */
  const timesOf = (what, kind) => {
    const ours = parties.find((party) => party.kind === 'redis')?.[what] ?? []
    const theirs = parties.find((party) => party.kind === kind)?.[what] ?? []
    return median(ours.map((value, index) => value / (theirs[index] ?? Number.NaN)))
  }
  const adapters = parties.filter(({ kind }) => kind.endsWith('adapter'))
  const cost = timesOf('redisMicros', 'redis-adapter')
  return {
    name: 'redis-broadcast',
    title: `Redis: broadcast of ${messages} messages of ${bytes} bytes to ${format(clients)} clients at two nodes, one every ${everyMs} ms`,
    unit: 'messages delivered per second of the nodes’ CPU; µs of Redis’s CPU per message published',
    rows: [
      ...parties.filter((party) => party.clients > 0).map(({ name, deliveries }) => rowOf(name, summarize(deliveries))),
      ...parties.map(({ name, redisMicros }) => rowOf(`${name}, Redis`, summarize(redisMicros))),
    ],
    checks: [
      ...adapters.map(({ kind, name }) => {
        const rate = timesOf('deliveries', kind)
        return { reach: `deliveries ≥ ${name}`, value: `${format(rate, 2)} ×`, isMet: rate >= 1 }
      }),
      {
        reach: `Redis ≤ ${mostRedis} × redis-adapter, which keeps nothing`,
        value: `${format(cost, 2)} ×`,
        isMet: cost <= mostRedis,
      },
    ],
  }
}

await runAlone(import.meta, run)
