import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import type { RealtimeServerOptions } from '../../src/server/index.ts'
import { RealtimeServers } from '../support/realtime-servers.ts'
import { startRoundRobin } from '../support/round-robin.ts'
import { seeded, seedOf } from '../support/seeded.ts'
import { sessionTransports, startRig, transportOf } from '../support/session-rig.ts'
import { makeTraffic, wholeReport } from '../support/traffic.ts'
import { numbered } from '../support/watched-client.ts'

/** Two servers over one store, to which the requests go in turn, one of which is killed: rules 2 and 12. */
const { message: messageOf, tally } = makeTraffic()
const seed = seedOf(process.env)
const random = seeded(seed)
const times = { heartbeatMs: 1000, leaseMs: 600 }

it('the balancer sends each request, even of one client, to the next server, and skips a dead one', async () => {
  await using servers = await RealtimeServers.start({ count: 2 })
  await using balancer = await startRoundRobin(servers.ports)
  const ask = () => fetch(`http://127.0.0.1:${balancer.port}/realtime?diagnose=x`).then(({ status }) => status)
  for (let n = 0; n < 10; n += 1) expect(await ask()).toBe(200)
  expect(balancer.counts).toEqual([5, 5])
  servers.kill(0)
  for (let n = 0; n < 10; n += 1) expect(await ask()).toBe(200)
  expect(balancer.counts).toEqual([5, 15])
})

describe.concurrent.each(sessionTransports.map(({ type }) => type))('%s', (type) => {
  it(`[SP2][SP12] loses no message when one of two servers dies while messages are sent (SEED=${seed})`, async () => {
    const up = tally(seed)
    const down = [tally(seed + 1), tally(seed + 2)] as const
    let id = ''
    const handlers: RealtimeServerOptions = {
      async onSession(session) {
        id = session.id
        await session.subscribe('news')
      },
      async onMessage(_, { data, redelivered }) {
        up.take(data, redelivered)
        if (random() < 0.1) await sleep(random() * 5)
      },
    }
    await using rig = await startRig({ count: 2, options: { ...times, ...handlers } })
    await using watched = rig.watch({ transports: [transportOf(type)], retry: { minDelayMs: 20, maxDelayMs: 100 } })
    watched.client.on('message', ({ data, topic }) => down[topic === 'news' ? 1 : 0].take(data))
    await watched.nth('open')
    // The surviving server sends the messages: what a killed process has not yet written to the store is lost.
    const session = await rig.servers.server(1).session(id)
    for (let n = 1; n <= 400; n += 1) {
      watched.client.send(messageOf(seed, n))
      await session?.send(messageOf(seed + 1, n))
      await rig.servers.server(1).publish('news', messageOf(seed + 2, n))
      if (n % 10 === 0) await sleep(random() * 20)
      if (n === 200) rig.servers.kill(0)
    }
    await watched.client.flushed()
    expect(up.report(400)).toEqual(wholeReport(400))
    await vi.waitFor(() => expect([down[0].due, down[1].due]).toEqual([401, 401]), 10_000)
    expect(down.map((each) => each.report(400))).toEqual([wholeReport(400), wholeReport(400)])
    expect([watched.of('gap'), rig.servers.errors]).toEqual([[], []])
    expect(watched.of('open').map(({ resumed }) => resumed)).toEqual(watched.of('open').map((_, index) => index > 0))
  })

  it('[SP2] a message whose handler died with its server is handled by the other server, marked as redelivered', async () => {
    const seen: string[] = []
    let first = -1
    await using rig = await startRig({
      count: 2,
      options: (index) => ({
        ...times,
        async onMessage(_, { data, redelivered, id }) {
          seen.push(`${data}${redelivered ? ' again' : ''} as ${id.n}`)
          if (first < 0) {
            first = index
            await new Promise(() => {})
          }
        },
      }),
    })
    await using watched = rig.watch({ transports: [transportOf(type)], retry: { minDelayMs: 20, maxDelayMs: 100 } })
    await watched.nth('open')
    for (const each of numbered(3)) watched.client.send(each)
    await vi.waitFor(() => expect(seen).toEqual(['m1 as 1']), 5000)
    rig.servers.kill(first)
    watched.client.send('m4')
    await watched.client.flushed()
    // The messages after it may be marked as redelivered too, if they had arrived before the server was killed.
    expect(seen.map((each) => each.replace(/ again/, ''))).toEqual(['m1 as 1', 'm1 as 1', 'm2 as 2', 'm3 as 3', 'm4 as 4'])
    expect(seen[1]).toBe('m1 again as 1')
    expect(seen[4]).toBe('m4 as 4')
  })

  it('[SP9] moves to the other server when one restarts, without losing a message', async () => {
    const received: unknown[] = []
    await using rig = await startRig({
      count: 2,
      options: { ...times, onMessage: (_, { data }) => void received.push(data) },
    })
    await using watched = rig.watch({ transports: [transportOf(type)], retry: { minDelayMs: 20, maxDelayMs: 100 } })
    await watched.nth('open')
    const closing = rig.servers.leave(0, 200)
    for (const each of numbered(200)) {
      watched.client.send(each)
      await sleep(2)
    }
    await closing
    await watched.client.flushed()
    expect(received).toEqual(numbered(200))
  })
})
