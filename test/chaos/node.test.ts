import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { type ChaosOptions, startChaos } from '../support/chaos.ts'
import { type ClientSide, ServerSide, seconds, startClientSide, store, tell, wholeReports } from '../support/chaos-run.ts'
import { seeded, seedOf } from '../support/seeded.ts'
import { sessionTransports, startRig, type TransportName, transportOf } from '../support/session-rig.ts'
import { makeTraffic } from '../support/traffic.ts'
import type { WatchedClient } from '../support/watched-client.ts'

const seed = seedOf(process.env)
/** How many clients there are, how many messages each sends and is sent, and over how long: more of it finds more. */
const clients = Number(process.env['CHAOS_CLIENTS'] ?? 100)
const messages = Number(process.env['CHAOS_CLIENT_MESSAGES'] ?? 100)
const spreadMs = Number(process.env['CHAOS_MS'] ?? 15_000)
/** Silence may last two minutes if many bytes are in flight (rule 7). */
const patienceMs = 150_000

const traffic = makeTraffic()
const names = sessionTransports.map(({ type }) => type)

it(`[SP1][SP2][SP12] ${clients} clients at once, on one transport or on all, while the network fails and one of two servers dies (SEED=${seed})`, {
  timeout: 2 * spreadMs + patienceMs + 60_000,
}, async () => {
  const random = seeded(seed)
  const sides = Array.from({ length: clients }, (_, index) => {
    const lanes = { seed: seed + 10 * index, count: messages, spreadMs }
    return { lanes, server: new ServerSide(lanes, random) }
  })
  await using rig = await startRig({
    count: 2,
    store,
    options: {
      heartbeatMs: 1000,
      leaseMs: 1000,
      authenticate: (_, auth) => (typeof auth === 'number' ? { id: String(auth), index: auth } : null),
      onSession: (session) => sideOf(session.principal).handlers.onSession?.(session),
      onMessage: (session, message) => sideOf(session.principal).handlers.onMessage?.(session, message),
    },
  })
  const watched = sides.map((_, index) =>
    rig.watch({
      transports: transportsOf(index).map(transportOf),
      connectTimeoutMs: 5000,
      retry: { minDelayMs: 50, maxDelayMs: 500 },
      prepare: () => ({ auth: index }),
    }),
  )
  await Promise.all(watched.map((each) => each.nth('open', 1, 10_000)))
  const controller = new AbortController()
  const deaths: unknown[] = []
  const running = watched.map(({ client }, index): ClientSide => startClientSide(traffic, client, laneOf(index).lanes))
  // A session that nobody has confirmed is forgotten after 15 s (rule 8).
  while (!running.every(({ progress }) => progress.flushed > 0)) await sleep(20)
  const surviving = () => rig.servers.server(1)
  for (const [index, side] of running.entries()) {
    const sending = laneOf(index).server.send(surviving, () => side.progress, controller.signal)
    sending.catch((error: unknown) => deaths.push(error))
  }
  const chaos = startChaos(rig.proxy, { random, transports: names } satisfies ChaosOptions)
  const startedAt = performance.now()
  await sleep(spreadMs / 2)
  rig.servers.kill(0)
  await sleep(spreadMs / 2)
  await chaos.stop()

  const wanted = sides.map(({ lanes }) => wholeReports(lanes))
  const reports = () => sides.map(({ server }, index) => [server.up.report(messages), ...(running[index]?.report() ?? [])])
  const isWhole = () => reports().every((each) => each.every(({ lost }) => lost === 0))
  // A fault that was found is final.
  const isWrong = () => reports().some((each) => each.some(({ faults }) => faults.length > 0))
  while (!isWhole() && !isWrong() && performance.now() < startedAt + spreadMs + patienceMs) await sleep(50)
  const wholeMs = performance.now() - startedAt
  controller.abort()
  const story = () => `SEED=${seed}\n${[...chaos.deeds, ...deaths, ...stuck()].join('\n')}`
  expect(reports(), isWhole() ? `SEED=${seed}` : story()).toEqual(wanted)
  await Promise.all(running.map(({ sending }) => sending))
  expect([deaths, rig.servers.errors]).toEqual([[], []])
  expect(watched.flatMap(({ of }) => of('gap'))).toEqual([])
  expect(sides.flatMap(({ server }) => (new Set(server.sessions).size === 1 ? [] : [server.sessions]))).toEqual([])
  expect(sides.flatMap(({ server }) => server.ends)).toEqual([])
  expect(watched.flatMap(({ reported }) => reported)).toEqual([])
  // Without faults the run proves nothing.
  const opened = watched.flatMap((each) => each.opened())
  expect(opened.length).toBeGreaterThan(2 * clients)
  expect(new Set(opened)).toEqual(new Set(names))
  tell([
    `${clients} clients: ${clients * messages} up, ${clients * messages} down, ${chaos.deeds.length} evils in ${seconds(spreadMs)}`,
    `${opened.length} connections, whole after ${seconds(wholeMs)} (SEED=${seed})`,
  ])
  await Promise.all(watched.map(({ client }) => client.close()))

  function laneOf(index: number) {
    return sides[index] as (typeof sides)[number]
  }

  function sideOf(principal: { readonly [member: string]: unknown }): ServerSide {
    return laneOf(Number(principal['index'])).server
  }

  function stuck(): string[] {
    return watched.flatMap((each, index) => {
      const [up, ...down] = reports()[index] ?? []
      const lost = [up, ...down].map((report) => report?.lost)
      const { sessions = [], ends = [] } = sides[index]?.server ?? {}
      return lost.every((count) => count === 0)
        ? []
        : [`${index} on ${transportsOf(index)} lacks ${lost} of ${sessions.length} sessions (${ends}): ${lastWords(each)}`]
    })
  }
})

/** Half have all transports, an eighth each has one of them alone. */
function transportsOf(index: number): readonly TransportName[] {
  const name = names[index % 8]
  return name === undefined ? names : [name]
}

function lastWords({ client, events }: WatchedClient): string {
  const last = events.filter(({ type }) => type !== 'message' && type !== 'state').slice(-3)
  return `${JSON.stringify(client.state).slice(0, 300)} ${JSON.stringify(last).slice(0, 900)}`
}
