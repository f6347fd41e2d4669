import { describe, expect, it } from 'vitest'
import { ServerBench, type ServerBenchOptions } from '../support/server-bench.ts'

/** The round trip of one call to the store, in milliseconds. */
const storeMs = 10

const echo: ServerBenchOptions['handlers'] = {
  onMessage: async (session, { data }) => {
    await session.send(data)
  },
}

/** The number of sequential store calls until the condition holds. */
async function roundTrips(bench: ServerBench, isSo: () => boolean): Promise<number> {
  const from = bench.clock.now()
  while (!isSo()) {
    if (bench.clock.now() - from > 100 * storeMs) throw new Error('It did not happen.')
    await bench.pass(1)
  }
  return (bench.clock.now() - from) / storeMs
}

/** The calls of the store since `before`, by method. */
function callsSince(bench: ServerBench, before: ReadonlyMap<string, number>): Map<string, number> {
  const calls = new Map<string, number>()
  for (const [name, count] of bench.calls) if (count > (before.get(name) ?? 0)) calls.set(name, count - (before.get(name) ?? 0))
  return calls
}

/** A session's id of the length that clients use. */
function idOf(name: string): string {
  return name.padEnd(22, '_')
}

async function attached(bench: ServerBench, session: string, medium: 'websocket' | 'stream', node = 0) {
  const opening = bench.confirmed({ session }, { medium, node })
  await bench.pass(10 * storeMs)
  return opening
}

describe('a lone echo', () => {
  it('takes two sequential store calls over a WebSocket', async () => {
    const bench = new ServerBench({ storeMs, handlers: echo })
    const { carrier, attachment } = await attached(bench, idOf('s1'), 'websocket')
    for (const [index, text] of ['one', 'two'].entries()) {
      attachment.receive(`M[${index + 1},"${text}"]`)
      expect(await roundTrips(bench, () => carrier.news.some((each) => each.endsWith(`:${text}`)))).toBeLessThanOrEqual(2.1)
      await bench.pass(100)
    }
  })

  it.each([0, 1])('takes three sequential store calls over an event stream if node %i receives the POST', async (node) => {
    const bench = new ServerBench({ storeMs, handlers: echo, nodes: 2 })
    const { carrier } = await attached(bench, idOf('s1'), 'stream')
    for (const [index, text] of ['one', 'two'].entries()) {
      const answer = bench.post([`M[${index + 1},"${text}"]`], { session: idOf('s1'), k: 1 }, { node })
      expect(await roundTrips(bench, () => carrier.news.some((each) => each.endsWith(`:${text}`)))).toBeLessThanOrEqual(3.1)
      await bench.pass(100)
      expect(await answer).toMatchObject({ taken: index + 1 })
    }
  })
})

it('a node reads no record after its own write, whether notified of it before or after the answer', async () => {
  let announced = 0
  const newsMs = () => (announced++ % 2 ? storeMs * 0.75 : storeMs * 0.25)
  const bench = new ServerBench({ storeMs, newsMs, handlers: echo })
  const { carrier, attachment } = await attached(bench, idOf('s1'), 'websocket')
  await bench.pass(100)
  const before = new Map(bench.calls)
  for (let n = 1; n <= 20; n += 1) {
    attachment.receive(`M[${n},"message ${n}"]`)
    await bench.pass(2.5 * storeMs)
  }
  await bench.pass(100)
  expect(carrier.news.filter((each) => each.includes(':message '))).toHaveLength(20)
  expect(callsSince(bench, before).get('sessions.read') ?? 0).toBe(0)
})

it('a publication costs one append, and hardly any reads on the nodes of its subscribers', async () => {
  const bench = new ServerBench({ storeMs, nodes: 2, handlers: { onSession: (session) => session.subscribe('news') } })
  const carriers = []
  for (const [index, session] of ['a', 'b', 'c', 'd'].entries())
    carriers.push((await attached(bench, idOf(session), index % 2 ? 'stream' : 'websocket', index % 2)).carrier)
  await bench.pass(1000)
  const before = new Map(bench.calls)
  for (let n = 0; n < 100; n += 1) {
    const publishing = bench.at(n % 2).publish('news', `message ${n}`)
    await bench.pass(n % 3 ? 0 : 25)
    await Promise.race([publishing, bench.pass(20)])
  }
  await bench.pass(100)
  const calls = callsSince(bench, before)
  expect(calls.get('topics.append')).toBe(100)
  expect(calls.get('topics.readAfter') ?? 0).toBeLessThan(10)
  expect(calls.get('sessions.readAfter') ?? 0).toBe(0)
  for (const { news } of carriers) expect(news.filter((each) => each.includes('message '))).toHaveLength(100)
})

it('an idle session with a topic of its own costs at most 0.05 store calls a second', async () => {
  const bench = new ServerBench({ storeMs, handlers: { onSession: (session) => session.subscribe(`topic of ${session.id}`) } })
  const sessions = Array.from({ length: 20 }, (_, index) => idOf(`s${index}`))
  const attachments = []
  for (const session of sessions) attachments.push((await attached(bench, session, 'websocket')).attachment)
  await bench.pass(10_000)
  const before = new Map(bench.calls)
  const seconds = 600
  for (let passed = 0; passed < seconds; passed += 10) {
    for (const attachment of attachments) attachment.receive('p')
    await bench.pass(10_000)
  }
  const calls = callsSince(bench, before)
  // Looking for expired sessions is one call a second for the whole node.
  calls.delete('sessions.expired')
  const perSession = [...calls.values()].reduce((sum, count) => sum + count, 0) / sessions.length / seconds
  expect(perSession, JSON.stringify([...calls])).toBeLessThanOrEqual(0.05)
})

it('messages that 100 clients have missed are read from the store once for all of them', async () => {
  const bench = new ServerBench({ storeMs, handlers: { onSession: (session) => session.subscribe('news') } })
  const sessions = Array.from({ length: 100 }, (_, index) => idOf(`s${index}`))
  const ends = []
  for (const session of sessions) ends.push((await attached(bench, session, 'websocket')).attachment)
  await bench.pass(1000)
  for (const attachment of ends) attachment.ended({ by: 'network', code: 1006, reason: '' })
  await bench.pass(5000)
  for (let n = 0; n < 400; n += 1) void bench.at(0).publish('news', String(n).padEnd(1000, '.'))
  await bench.pass(1000)
  const before = new Map(bench.calls)
  const returning = sessions.map((session) => bench.confirmed({ session, k: 2 }))
  await bench.pass(30 * storeMs)
  const carriers = await Promise.all(returning)
  for (const { carrier } of carriers) expect(carrier.news.filter((each) => each.startsWith('1.'))).toHaveLength(400)
  const calls = callsSince(bench, before)
  // 400 kB in reads of 64 KiB.
  expect(calls.get('topics.readAfter')).toBeLessThanOrEqual(8)
})

describe('missed notifications', () => {
  it('of a topic are made up for once the log reports that some may have been missed', async () => {
    const bench = new ServerBench({ handlers: { onSession: (session) => session.subscribe('news') } })
    const { carrier } = await bench.confirmed()
    await bench.pass(100)
    bench.deafen()
    await bench.at(0).publish('news', 'missed')
    await bench.pass(1000)
    expect(carrier.news.filter((each) => each.startsWith('1.'))).toEqual([])
    bench.hearAgain()
    await bench.pass(10)
    expect(carrier.news.filter((each) => each.startsWith('1.'))).toEqual(['1.1:missed'])
  })

  it('of a session are made up for once the store reports that some may have been missed', async () => {
    const bench = new ServerBench({ nodes: 2 })
    const { carrier } = await bench.confirmed()
    await bench.pass(100)
    bench.deafen()
    const elsewhere = await bench.session(undefined, 1)
    await elsewhere.send('missed')
    await elsewhere.close(4001, 'kicked')
    await bench.pass(1000)
    expect(carrier.closed).toBeNull()
    bench.hearAgain()
    await bench.pass(10)
    expect(carrier.news).toContain('0.1:missed')
    expect(carrier.closed).toMatchObject({ code: 4001 })
  })
})

it('a call that the store never answers counts as failed after storeTimeoutMs', async () => {
  let isStalled = false
  const bench = new ServerBench({ isStalled: () => isStalled, settings: { storeTimeoutMs: 3000 } })
  await bench.confirmed()
  isStalled = true
  const publishing = bench.at(0).publish('news', 'x')
  const failed = expect(publishing).rejects.toThrow('the store failed in append(): no answer within 3000 ms')
  await bench.pass(3100)
  await failed
})

it('[SP2] a node that reads an outdated record ends the attachments with 4503', async () => {
  const bench = new ServerBench({ nodes: 2 })
  const { carrier, attachment } = await bench.confirmed()
  attachment.receive('M[1,"one","two"]')
  await bench.pass(1000)
  const { sessions } = bench.store
  const id = (await sessions.sessionsOf('ann'))[0] ?? ''
  const read = await sessions.read(id)
  if (!read) throw new Error('There is no session.')
  await sessions.write(id, { ...read.record, taken: 1, done: 1 }, read, bench.clock.now() + 60_000)
  await bench.pass(10)
  expect(carrier.closed).toMatchObject({ code: 4503 })
})

it('an outage of the store is reported once, clients are refused until its end, and no message is lost', async () => {
  let isStalled = false
  const seen: string[] = []
  const bench = new ServerBench({
    isStalled: () => isStalled,
    settings: { storeTimeoutMs: 3000 },
    handlers: { onMessage: (_, { data }) => seen.push(String(data)) },
  })
  const node = bench.at(0)
  expect(node.health).toEqual({ status: 'ok', error: null })
  const { carrier, attachment } = await bench.confirmed()
  isStalled = true
  attachment.receive('M[1,"during the outage"]')
  for (let second = 0; second < 10; second += 1) {
    attachment.receive('p')
    await bench.pass(1000)
  }
  expect(node.health).toMatchObject({
    status: 'store-unavailable',
    error: { message: expect.stringContaining('the store failed in') },
  })
  expect(bench.reported.map(String)).toEqual([expect.stringContaining('the store is not available')])
  const refused = await bench.attach({ session: idOf('another'), k: 1 })
  expect(refused.carrier.closed).toMatchObject({ code: 4503, retryAfterMs: expect.any(Number) })
  expect(await bench.post(['M[2,"x"]'])).toMatchObject({ code: 4503 })
  expect(seen).toEqual([])
  isStalled = false
  for (let second = 0; second < 5; second += 1) {
    attachment.receive('p')
    await bench.pass(1000)
  }
  expect(node.health.status).toBe('ok')
  expect(seen).toEqual(['during the outage'])
  expect(carrier.closed).toBeNull()
  expect(carrier.news).toContain('a1')
  expect((await bench.confirmed({ session: idOf('another') })).carrier.open.resumed).toBe(false)
  await bench.pass(30_000)
  isStalled = true
  await bench.pass(5000)
  expect(bench.reported).toHaveLength(2)
  await node.close(0)
  expect(node.health.status).toBe('closed')
})

it('a store that fails in some calls only is reported once, and again only after it has worked for half a minute', async () => {
  const bench = new ServerBench({ settings: { storeTimeoutMs: 3000 } })
  const node = bench.at(0)
  const statuses: string[] = []
  /** Publishes for a while. Meanwhile the node looks for expired sessions each second, in which the store does not fail. */
  const publish = async (seconds: number) => {
    for (let times = 0; times < 2 * seconds; times += 1) {
      await node.publish('news', 'x').catch(() => {})
      statuses.push(node.health.status)
      await bench.pass(500)
    }
  }
  bench.fail('append', 'before', Infinity)
  await publish(60)
  expect(bench.reported.map(String)).toEqual([expect.stringContaining('append() failed: The store fails.')])
  expect(statuses.slice(0, 1)).toEqual(['store-unavailable'])
  expect(statuses.filter((status) => status === 'store-unavailable').length).toBeLessThanOrEqual(2)
  bench.fail('append', 'before', 0)
  await publish(25)
  bench.fail('append', 'before', Infinity)
  await publish(5)
  expect(bench.reported).toHaveLength(1)
  bench.fail('append', 'before', 0)
  await publish(31)
  bench.fail('append', 'before', Infinity)
  await publish(5)
  expect(bench.reported).toHaveLength(2)
  bench.fail('expired', 'before', Infinity)
  await bench.pass(4000)
  expect(node.health.status).toBe('store-unavailable')
  expect(bench.reported).toHaveLength(2)
})

describe('[SP21] a pending request to a client', () => {
  const reads = (bench: ServerBench, before: ReadonlyMap<string, number>) => callsSince(bench, before).get('sessions.read') ?? 0

  it('polls the session in the store only where its client is not attached, and is closed with it on each node', async () => {
    const bench = new ServerBench({ nodes: 2, settings: { resumeWindowMs: 60_000 } })
    const { attachment } = await attached(bench, idOf('s1'), 'websocket')
    const outcomes: unknown[] = []
    const ask = async (node: number) => {
      const session = await bench.session(idOf('s1'), node)
      session.request('?', { timeoutMs: Infinity }).catch((error) => outcomes.push([node, error.code]))
      await bench.pass(100)
    }
    await ask(0)
    const here = new Map(bench.calls)
    await bench.pass(10_000)
    expect(reads(bench, here)).toBe(0)
    await ask(1)
    const elsewhere = new Map(bench.calls)
    await bench.pass(10_000)
    expect(reads(bench, elsewhere)).toBeGreaterThan(5)
    expect(reads(bench, elsewhere)).toBeLessThan(12)
    attachment.ended({ by: 'network', code: 1006, reason: '' })
    const away = new Map(bench.calls)
    await bench.pass(10_000)
    expect(reads(bench, away)).toBeGreaterThan(10)
    expect(outcomes).toEqual([])
    await (await bench.session(idOf('s1'))).close(4402, 'over')
    await bench.pass(2000)
    expect(outcomes.sort()).toEqual([
      [0, 'closed'],
      [1, 'closed'],
    ])
  })

  it('is closed when the session ends while its client is attached', async () => {
    const bench = new ServerBench()
    await attached(bench, idOf('s1'), 'websocket')
    const session = await bench.session(idOf('s1'))
    const outcomes: unknown[] = []
    session.request('?', { timeoutMs: Infinity }).catch((error) => outcomes.push(error.code))
    await bench.pass(100)
    await session.close(4402, 'over')
    await bench.pass(1500)
    expect(outcomes).toEqual(['closed'])
  })
})
