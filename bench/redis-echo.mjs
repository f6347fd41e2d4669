/**
 * The echo of a message over WebSocket, through a node with `redisStore()` and through one with `memoryStore()`: its
 * round-trip time without other load, and the CPU time of the node per message when 100 clients have one in flight each.
 */
import { startProcess } from './lib/processes.mjs'
import { startRedis } from './lib/redis-server.mjs'
import { format, rowOf, runAlone } from './lib/report.mjs'
import { median, summarize } from './lib/stats.mjs'

const rounds = Number(process.env['ROUNDS'] ?? 7)
const lone = { count: 500, bytes: 100 }
const load = { clients: 100, count: 100, bytes: 100 }
const mostTimes = 1.2
const mostMoreMicros = 600
const mostCpuTimes = 4
const kinds = /** @type {const} */ ([
  { kind: 'redis', name: 'steadfast, redisStore' },
  { kind: 'memory', name: 'steadfast, memoryStore' },
])

/** @returns {Promise<import('./lib/report.mjs').Result>} */
export async function run() {
  const redis = await startRedis()
  const clients = await startProcess('echo-clients.mjs')
  const parties = await Promise.all(
    kinds.map(async ({ kind, name }) => {
      const node = await startProcess('fleet-node.mjs', [kind, redis.url])
      return {
        name,
        node,
        url: `${node.origin}/session`,
        p50: /** @type {number[]} */ ([]),
        cpu: /** @type {number[]} */ ([]),
      }
    }),
  )
  try {
    for (const { url } of parties) await clients.ask('open', { url, count: load.clients })
    // The first round is a warm-up.
    for (let round = 0; round <= rounds; round += 1) {
      for (const { node, url, p50, cpu } of round % 2 === 0 ? parties : parties.toReversed()) {
        const times = await clients.ask('lone', { url, ...lone })
        const before = await node.ask('cpu')
        await clients.ask('load', { url, ...load })
        const after = await node.ask('cpu')
        if (round === 0) continue
        p50.push(Number(times['p50']))
        cpu.push(((Number(after['ms']) - Number(before['ms'])) * 1_000) / (load.clients * load.count))
      }
    }
  } finally {
    clients.stop()
    for (const { node } of parties) node.stop()
    await redis.stop()
  }
  const [ours, memory] = parties
  if (ours === undefined || memory === undefined) throw new Error('Nothing was measured.')
  const excess = median(ours.p50.map((micros, index) => micros - mostTimes * (memory.p50[index] ?? Number.NaN)))
  const cpuTimes = median(ours.cpu.map((micros, index) => micros / (memory.cpu[index] ?? Number.NaN)))
  return {
    name: 'redis-echo',
    title: `Redis: one message of ${lone.bytes} bytes there and back over WebSocket, alone and with ${load.clients} clients at once`,
    unit: 'µs; µs of the node’s CPU',
    rows: [
      ...parties.map(({ name, p50 }) => rowOf(`${name}, p50`, summarize(p50))),
      ...parties.map(({ name, cpu }) => rowOf(`${name}, CPU under load`, summarize(cpu))),
    ],
    checks: [
      {
        reach: `p50 ≤ ${mostTimes} × memoryStore’s + ${mostMoreMicros} µs`,
        value: `+ ${format(excess)} µs`,
        isMet: excess <= mostMoreMicros,
      },
      {
        reach: `CPU under load ≤ ${mostCpuTimes} × memoryStore’s`,
        value: `${format(cpuTimes, 2)} ×`,
        isMet: cpuTimes <= mostCpuTimes,
      },
    ],
  }
}

await runAlone(import.meta, run)
