import { expect, it } from 'vitest'
import type { Handlers } from '../../src/server/handlers.ts'
import { promised } from '../support/manual-host.ts'
import { FakeCarrier, greetingOf, ServerBench } from '../support/server-bench.ts'

const limits = { attachmentsPerSecond: 1e6, sessionsPerPrincipal: 1e6 }

/** Attaches this many clients, each of which disconnects at once. */
async function visited(bench: ServerBench, count: number, { turn, node = 0 }: { turn?: number; node?: number } = {}) {
  for (let n = 0; n < count; n += 1) {
    const session = `visitor-of-the-te-${String(n).padStart(4, '0')}`
    const greeting = greetingOf({ session, ...(turn ? { turn } : {}) })
    const attachment = bench.at(node).attach({ hello: greeting, principal: { id: 'ann' } }, new FakeCarrier('websocket'))
    if (n % 100 === 99 || n === count - 1) await promised()
    attachment.ended({ by: 'network', code: 1006, reason: '' })
  }
  await promised()
}

it.each<[string, Handlers]>([
  ['no onEnd', {}],
  ['an onEnd', { onEnd: () => {} }],
])('[SP8] 2,000 unconfirmed sessions are removed within 3 s of their expiry, with %s', async (_, handlers) => {
  const bench = new ServerBench({ handlers, limits, isDirect: true })
  await visited(bench, 2000)
  expect((await bench.store.sessions.count('ann')).all).toBe(2000)
  await bench.pass(14_000)
  expect((await bench.store.sessions.count('ann')).all).toBe(2000)
  await bench.pass(3000)
  expect((await bench.store.sessions.count('ann')).all).toBe(0)
  // No record of them is left that would be swept again.
  expect(await bench.store.sessions.expired(Infinity, 10)).toEqual([])
  await bench.pass(2000)
  expect([bench.at(0).sessionsHere, bench.reported]).toEqual([0, []])
})

it('[SP8] an unconfirmed session is removed without a write to its record if no handler has to run', async () => {
  const bench = new ServerBench({ limits })
  await visited(bench, 1)
  let written = 0
  const { write } = bench.store.sessions
  bench.store.sessions.write = (...parameters) => {
    written += 1
    return write.apply(bench.store.sessions, parameters)
  }
  await bench.pass(17_000)
  expect([written, (await bench.store.sessions.count('ann')).all, await bench.store.sessions.expired(Infinity, 1)]).toEqual([
    0,
    0,
    [],
  ])
})

it('[SP8] onEnd runs once for each of 1,000 sessions, on one of two nodes, within seconds of their expiry', async () => {
  const ended: string[] = []
  const late: number[] = []
  const bench: ServerBench = new ServerBench({
    nodes: 2,
    limits,
    handlers: {
      onEnd: (session, ending) => {
        ended.push(session.id)
        late.push(bench.clock.now())
        expect(ending).toEqual({ by: 'network', code: 4408, reason: 'expired' })
      },
    },
    settings: { resumeWindowMs: 10_000 },
  })
  await visited(bench, 1000, { turn: 1 })
  const since = bench.clock.now()
  await bench.pass(20_000)
  expect([ended.length, new Set(ended).size]).toEqual([1000, 1000])
  expect(Math.max(...late) - since).toBeLessThan(16_000)
  expect([(await bench.store.sessions.count('ann')).all, bench.reported]).toEqual([0, []])
})

it('[SP8] an expired session with a slow onEnd is forgotten once onEnd has settled', async () => {
  let release = () => {}
  const handlers = { onEnd: () => new Promise<void>((resolve) => (release = resolve)) }
  const bench = new ServerBench({ handlers, limits, settings: { resumeWindowMs: 10_000 } })
  await visited(bench, 1, { turn: 1 })
  await bench.pass(60_000)
  expect(await bench.store.sessions.expired(Infinity, 1)).toHaveLength(1)
  release()
  await bench.pass(100)
  expect(await bench.store.sessions.expired(Infinity, 1)).toEqual([])
})

it('[SP8] a client that returns at the last moment of its window keeps its session, whichever node sweeps', async () => {
  const bench = new ServerBench({ nodes: 2, limits, settings: { resumeWindowMs: 10_000 } })
  await visited(bench, 1, { turn: 1 })
  await bench.pass(9900)
  const hello = greetingOf({ session: 'visitor-of-the-te-0000', k: 2 })
  const carrier = new FakeCarrier('websocket')
  bench.at(1).attach({ hello, principal: { id: 'ann' } }, carrier)
  // The attachment is not confirmed yet.
  await bench.pass(4000)
  expect([carrier.closed, (await bench.store.sessions.read(hello.session))?.record.ended]).toEqual([null, null])
  await bench.pass(8000)
  expect((await bench.store.sessions.read(hello.session))?.record.ended).toBe(null)
})

it('a sweep continues with the other sessions if the store fails for one', async () => {
  const bench = new ServerBench({ limits })
  await visited(bench, 300)
  bench.fail('remove', 'before')
  await bench.pass(16_500)
  expect(bench.reported).toHaveLength(1)
  expect((await bench.store.sessions.count('ann')).all).toBeLessThanOrEqual(1)
  await bench.pass(2000)
  expect((await bench.store.sessions.count('ann')).all).toBe(0)
})
