import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { seconds, tell } from '../support/chaos-run.ts'
import { type Equipment, want } from '../support/equipment.ts'
import { startRoundRobin } from '../support/round-robin.ts'
import { seeded, seedOf } from '../support/seeded.ts'
import { sessionTransports, type TransportName } from '../support/session-rig.ts'
import { FleetClient } from './client.ts'
import { type Fleet, startFleet } from './processes.ts'
import { type Fault, type FleetStore, startClusterStore, startKafkaStore, startRedisStore } from './stores.ts'

const seed = seedOf(process.env)
/** How many clients there are, and for how long faults happen: more of them find more. */
const clientCount = Number(process.env['FLEET_CLIENTS'] ?? 50)
const faultsMs = Number(process.env['FLEET_MS'] ?? 20_000)
/** Within this time of the last fault every client is back, in milliseconds. */
const backWithinMs = 10_000
/** A node that is stopped ends within this time, in milliseconds. */
const stopsWithinMs = 15_000
const names = sessionTransports.map(({ type }) => type)

/** The faults of nodes, whatever the stores are. */
function faultsOf(fleet: Fleet): Fault[] {
  const one = (random: () => number) => Math.floor(random() * fleet.ports.length)
  return [
    {
      weight: 4,
      name: 'a node is killed',
      async happen(random) {
        const node = one(random)
        await fleet.kill(node)
        await sleep(random() * 3000)
        await fleet.start(node)
      },
    },
    {
      weight: 3,
      name: 'a node stands still',
      async happen(random) {
        const node = one(random)
        fleet.signal(node, 'SIGSTOP')
        await sleep(500 + random() * 5000)
        fleet.signal(node, 'SIGCONT')
      },
    },
  ]
}

const stores: readonly (readonly [name: string, start: () => Promise<FleetStore>, wants: readonly Equipment[]])[] = [
  ['Redis', startRedisStore, ['redis-server']],
  ['Redis Cluster', startClusterStore, ['redis-server']],
  ['Kafka and Redis', startKafkaStore, ['redis-server', 'Kafka']],
]

it.for(stores)(
  `[SP2][SP3][SP4][SP12] three processes over %s serve ${clientCount} clients while nodes and stores fail (SEED=${seed})`,
  {
    timeout: faultsMs + 120_000,
  },
  async ([name, startStore, wants], context) => {
    for (const each of wants) await want(context, each)
    const random = seeded(seed)
    await using store = await startStore()
    await using fleet = await startFleet(3, { store: store.place, publishEveryMs: 250 })
    await using balancer = await startRoundRobin(fleet.ports)
    const url = `http://127.0.0.1:${balancer.port}/realtime`
    const clients = Array.from({ length: clientCount }, (_, index) => new FleetClient(`c${index}`, url, transportsOf(index)))
    const enough = new AbortController()
    const sending = clients.map((each) => each.send(300, enough.signal))
    const startedAt = performance.now()
    const story: string[] = []
    const note = (what: string) => {
      story.push(`${Math.round(performance.now() - startedAt)} ${what}`)
      if (process.env['FLEET_TELL']) process.stderr.write(`${story.at(-1)}\n`)
    }
    const faults = [...faultsOf(fleet), ...store.faults]
    const bag = faults.flatMap((fault) => Array.from({ length: fault.weight }, () => fault))
    // Each fault once, in an order drawn from the seed, and then at random.
    const first = [...faults].sort(() => random() - 0.5)
    await sleep(3000)
    while (performance.now() - startedAt < faultsMs) {
      const fault = first.pop() ?? (bag[Math.floor(random() * bag.length)] as Fault)
      note(fault.name)
      await fault.happen(random)
      note('  is over')
      await sleep(500 + random() * 1500)
    }
    const calmAt = performance.now()
    note('calm')
    enough.abort()
    await Promise.all(sending)
    const late: string[] = []
    await Promise.all(
      clients.map(async ({ name, client }) => {
        const isFlushed = await Promise.race([client.flushed().then(() => true), sleep(backWithinMs, false)])
        if (!isFlushed) late.push(`${name} is not flushed: ${JSON.stringify(client.state).slice(0, 200)}`)
      }),
    )
    const backMs = performance.now() - calmAt
    note('flushed')
    // Everything published until now must arrive.
    const ends = fleet.log
      .lines('published')
      .reduce((latest, { life, words }) => latest.set(life, Number(words[0])), new Map<string, number>())
    // Publications of a killed process may be among the messages whose loss was reported to a client.
    const alive = fleet.living().map((life) => [life, ends.get(life) ?? 0] as const)
    const incomplete = () => clients.filter((each) => !alive.every(([life, n]) => each.hasReached(life, n)))
    while (incomplete().length > 0 && performance.now() - calmAt < 2 * backWithinMs) await sleep(100)
    for (const each of incomplete()) late.push(`${each.name} did not get the last publications: ${each.lacks(alive)}`)

    const handled = fleet.log
      .lines('handled')
      .map(({ words: [client = '', n = '', redelivered = ''] }) => ({ client, n, redelivered }))
    const freshly = handled.filter(({ redelivered }) => redelivered === 'false').map(({ client, n }) => `${client} ${n}`)
    const everHandled = new Set(handled.map(({ client, n }) => `${client} ${n}`))
    const never = clients.flatMap(({ name, sent }) =>
      Array.from({ length: sent }, (_, index) => `${name} ${index + 1}`).filter((each) => !everHandled.has(each)),
    )
    const twice = freshly.filter((each, index) => freshly.indexOf(each) !== index)
    const outcome = {
      late,
      never,
      twice,
      missing: clients.flatMap((each) => each.missing(fleet.log)),
      faults: clients.flatMap(({ name, faults }) => faults.map((fault) => `${name}: ${fault}`)),
      deaths: fleet.deaths,
      unhandled: [...fleet.log.lines('unhandled'), ...fleet.log.lines('uncaught')].map(({ words }) => words.join(' ')),
    }
    const none = { late: [], never: [], twice: [], missing: [], faults: [], deaths: [], unhandled: [] }
    expect(outcome, `SEED=${seed}\n${story.join('\n')}`).toEqual(none)
    tell([
      `${clientCount} clients over 3 processes and ${name}: ${handled.length} messages handled, ${handled.length - freshly.length} redelivered`,
      `${clients.reduce((sum, { marks }) => sum + marks, 0)} gaps and lost sessions told of, ${story.length / 2} faults in ${seconds(faultsMs)}`,
      `back after ${seconds(backMs)} (SEED=${seed})`,
    ])
    // The clients stay connected: a deployment does not wait for them.
    expect(await fleet.stop(stopsWithinMs), 'nodes that were stopped').toEqual([])
    await Promise.all(clients.map((each) => each.close()))
  },
)

/** A fifth has all transports, the others one each. */
function transportsOf(index: number): readonly TransportName[] {
  const name = names[index % 5]
  return name === undefined ? names : [name]
}
