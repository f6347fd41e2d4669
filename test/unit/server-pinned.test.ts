import { describe, expect, it } from 'vitest'
import type { Handlers } from '../../src/server/handlers.ts'
import { promised } from '../support/manual-host.ts'
import { ServerBench, type ServerBenchOptions, sessionId } from '../support/server-bench.ts'

const leaseMs = 10_000

/** Nodes with pinned sessions, and what their handlers have seen. */
function pinned({ endMs = 0, ...options }: ServerBenchOptions & { readonly endMs?: number } = {}) {
  const seen: string[] = []
  const handlers = (node: number): Handlers => ({
    onSession: () => seen.push(`${node}: begins`),
    onMessage: (session, { data, redelivered }) => {
      seen.push(`${node}: ${typeof data === 'string' ? data : `[${[...new Uint8Array(data)]}]`}${redelivered ? ' again' : ''}`)
      return data === 'echo' ? session.send('echoed') : undefined
    },
    onEnd(_, { by, code }) {
      seen.push(`${node}: ends ${by} ${code}`)
      return endMs > 0 ? new Promise<void>((resolve) => void bench.clock.after(endMs, resolve)) : undefined
    },
  })
  const bench = new ServerBench({ nodes: 3, handlers, settings: { pinSessions: true, leaseMs }, ...options })
  return { bench, seen }
}

describe('a pinned session', () => {
  it('[SP20] has its messages handled in order on its home node, whichever nodes receive them', async () => {
    const { bench, seen } = pinned()
    await bench.confirmed({}, { node: 0 })
    const stream = await bench.confirmed({ k: 2, turn: 2 }, { node: 1, medium: 'stream' })
    const first = await bench.post(['m1:one', 'M[2,"two","three"]'], { k: 2, turn: 2 }, { node: 2 })
    expect(first).toMatchObject({ taken: 3 })
    const second = await bench.post(['b4:AAECAw==', 'm5:echo'], { k: 2, n: 4 }, { node: 1 })
    await bench.pass(100)
    expect(second).toMatchObject({ taken: 5 })
    expect(seen).toEqual(['0: begins', '0: one', '0: two', '0: three', '0: [0,1,2,3]', '0: echo'])
    expect(stream.carrier.news).toContain('0.1:echoed')
    expect(stream.carrier.news).toContain('a5')
    expect(bench.reported).toEqual([])
  })

  it('[SP20] takes each message once when WebSockets to two nodes carry it', async () => {
    const { bench, seen } = pinned()
    const one = await bench.confirmed({}, { node: 0 })
    const other = await bench.attach({ k: 2 }, { node: 1 })
    one.attachment.receive('m1:one')
    other.attachment.receive('m1:one')
    other.attachment.receive('m2:two')
    one.attachment.receive('m2:two')
    await bench.pass(3000)
    expect(seen).toEqual(['0: begins', '0: one', '0: two'])
  })

  it('[SP20] stays while it is idle, without any write but those of the leases of the nodes', async () => {
    const { bench, seen } = pinned()
    const others = Array.from({ length: 50 }, (_, index) => bench.confirmed({ session: `other-session-of-ann${10 + index}` }))
    const attached = await Promise.all(others)
    seen.length = 0
    await bench.confirmed({}, { node: 0 })
    const { attachment } = await bench.confirmed({ k: 2, turn: 2 }, { node: 1 })
    await bench.pass(1000)
    const before = bench.calls.get('sessions.write') ?? 0
    for (let round = 0; round < 20; round += 1) {
      await bench.pass(leaseMs)
      for (const each of [...attached, { attachment }]) each.attachment.receive('q')
    }
    const receipt = await bench.post(['m1:late'], { k: 2 }, { node: 2 })
    await bench.pass(100)
    expect(receipt).toMatchObject({ taken: 1 })
    expect(seen).toEqual(['0: begins', '0: late'])
    // Each node has one lease, however many sessions: it is written every third of `leaseMs`.
    expect((bench.calls.get('sessions.write') ?? 0) - before).toBeLessThan(3 * 20 * 3)
  })

  it('[SP20] ends when its home dies, and its client is notified with 1012', async () => {
    const { bench, seen } = pinned()
    await bench.confirmed({ protocols: [] }, { node: 0 })
    const { carrier } = await bench.confirmed({ k: 2, turn: 2, protocols: [] }, { node: 1 })
    await bench.pass(1000)
    bench.kill(0)
    await bench.pass(leaseMs + 3000)
    expect(seen).toEqual(['0: begins', '1: ends server 1012'])
    expect(carrier.closed).toMatchObject({ code: 4410, application: 1012 })
  })

  it('[SP20] ends with 4410 for a polling client without the interface of a WebSocket', async () => {
    const { bench } = pinned()
    await bench.confirmed({ wait: 0 }, { node: 0, medium: 'answer' })
    bench.kill(0)
    await bench.pass(leaseMs + 3000)
    const poll = { k: 2, turn: 1, wait: 0 }
    await bench.attach(poll, { node: 1, medium: 'answer' })
    await bench.pass(3000)
    const { carrier } = await bench.attach(poll, { node: 1, medium: 'answer' })
    await bench.pass(10)
    expect(carrier.closed).toMatchObject({ code: 4410 })
  })

  it('[SP20] ends at once when its home closes', async () => {
    const { bench, seen } = pinned()
    await bench.confirmed({ protocols: [] }, { node: 0 })
    const { carrier } = await bench.confirmed({ k: 2, turn: 2, protocols: [] }, { node: 1 })
    const closing = bench.at(0).close(5000)
    await bench.pass(500)
    await closing
    expect(seen).toEqual(['0: begins', '0: ends server 1012'])
    expect(carrier.closed).toMatchObject({ code: 4410, application: 1012 })
  })

  it('[SP20] is ended by its client through any node, after the messages sent before', async () => {
    const { bench, seen } = pinned()
    await bench.confirmed({}, { node: 0 })
    await bench.confirmed({ k: 2, turn: 2 }, { node: 1, medium: 'stream' })
    const receipt = bench.post(['m1:last', 'x{"code":1000,"reason":"done"}'], { k: 2, turn: 2 }, { node: 2 })
    await bench.pass(3000)
    expect(await receipt).toMatchObject({ taken: 1 })
    expect(seen).toEqual(['0: begins', '0: last', '0: ends client 1000'])
    expect(bench.at(0).sessionsHere).toBe(0)
  })

  it('[SP20] expires like other sessions, and `onEnd` runs on its home', async () => {
    const { bench, seen } = pinned()
    const { attachment } = await bench.confirmed({}, { node: 0 })
    attachment.ended({ by: 'network', code: 1006, reason: '' })
    await bench.pass(150_000)
    expect(seen).toEqual(['0: begins', '0: ends network 4408'])
    await bench.pass(60_000)
    expect(bench.nodes.map((node) => node.sessionsHere)).toEqual([0, 0, 0])
  })

  it('[SP20] ends when its stalled home is declared dead, and ends there too once the home continues', async () => {
    let isStalled = false
    const { bench, seen } = pinned({ isStalled: (node) => isStalled && node === 0 })
    await bench.confirmed({ protocols: [] }, { node: 0 })
    const { carrier } = await bench.confirmed({ k: 2, turn: 2, protocols: [] }, { node: 1 })
    await bench.pass(1000)
    isStalled = true
    await bench.pass(leaseMs + 3000)
    expect(carrier.closed).toMatchObject({ application: 1012 })
    expect(seen).toEqual(['0: begins', '1: ends server 1012'])
    isStalled = false
    await bench.pass(20_000)
    expect(seen).toEqual(['0: begins', '1: ends server 1012', '0: ends server 1012'])
    expect(bench.at(0).sessionsHere).toBe(0)
    // The node continues under another name.
    await bench.confirmed({ session: 'another-session-of-ann' }, { node: 0 })
    await bench.post(['m1:hello'], { session: 'another-session-of-ann' }, { node: 1 })
    await bench.pass(100)
    expect(seen.slice(3)).toEqual(['0: begins', '0: hello'])
  })

  it('[SP20] begins under a new name of a node whose lease was removed, though its late renewal arrives', async () => {
    let isStalled = false
    const { bench, seen } = pinned({ isStalled: (node) => isStalled && node === 0 })
    await bench.confirmed({}, { node: 0 })
    await bench.confirmed({ k: 2, turn: 2 }, { node: 1 })
    await bench.pass(1000)
    isStalled = true
    await bench.pass(leaseMs + 1200)
    expect(seen).toEqual(['0: begins', '1: ends server 4410'])
    // The renewal of the lease that the node began in time reaches the store only now.
    isStalled = false
    await bench.pass(500)
    await bench.confirmed({ session: 'another-session-of-ann' }, { node: 0 })
    await bench.post(['m1:hello'], { session: 'another-session-of-ann' }, { node: 1 })
    await bench.pass(2 * leaseMs)
    expect(seen.slice(2)).toEqual(['0: ends server 4410', '0: begins', '0: hello'])
  })

  it('[SP20] ends when the store has lost the leases of all nodes, without a loop of writes by the nodes', async () => {
    const { bench, seen } = pinned({ storeMs: 1, endMs: 300 })
    await bench.confirmed({}, { node: 0 })
    await bench.confirmed({ session: 'another-session-of-ann' }, { node: 1 })
    await bench.pass(100)
    for (const id of await bench.store.sessions.expired(Infinity, 100)) {
      const read = await bench.store.sessions.read(id)
      if (id.startsWith('node ')) await bench.store.sessions.remove(id, read?.version ?? 0)
    }
    const before = bench.calls.get('sessions.write') ?? 0
    await bench.confirmed({ k: 2, turn: 2 }, { node: 1 })
    await bench.pass(2000)
    expect(seen.filter((each) => each.includes('ends'))).toContain('0: ends server 4410')
    expect((bench.calls.get('sessions.write') ?? 0) - before).toBeLessThan(30)
  })

  it('[SP20] begins on a node whose lease the store has just lost, and is not taken for dead', async () => {
    const { bench, seen } = pinned()
    await bench.confirmed({ session: 'another-session-of-ann' }, { node: 0 })
    for (const id of await bench.store.sessions.expired(Infinity, 100)) {
      const read = await bench.store.sessions.read(id)
      if (id.startsWith('node ')) await bench.store.sessions.remove(id, read?.version ?? 0)
    }
    await promised()
    seen.length = 0
    await bench.confirmed({}, { node: 0 })
    const posted = bench.post(['m1:one'], {}, { node: 1 })
    await bench.pass(5000)
    expect(await posted).toMatchObject({ taken: 1 })
    expect(seen.filter((each) => !each.includes('ends server'))).toEqual(['0: begins', '0: one'])
    expect((await bench.store.sessions.read(sessionId))?.record.ended).toBeNull()
  })

  it.each([0, 5000])('[SP20] has its home on the node that created it without learning of that (%i ms later)', async (ms) => {
    const { bench, seen } = pinned()
    await bench.confirmed({ session: 'another-session-of-ann' }, { node: 0 })
    seen.length = 0
    bench.fail('write', 'after')
    const { carrier } = await bench.attach({}, { node: 0 })
    expect(carrier.closed).toMatchObject({ code: 4503 })
    await bench.pass(ms)
    await bench.confirmed({ k: 2 }, { node: 1 })
    const receipts = [bench.post(['m1:one'], { k: 2 }, { node: 2 })]
    await bench.pass(5000)
    receipts.push(bench.post(['m1:one', 'x{"code":1000}'], { k: 2 }, { node: 2 }))
    await bench.pass(5000)
    expect(await Promise.all(receipts)).toMatchObject([{}, { taken: 1 }])
    expect(seen).toEqual(['0: begins', '0: one', '0: ends client 1000'])
  })

  it('[SP20] has a message forwarded again if the append to the log failed', async () => {
    const { bench, seen } = pinned()
    await bench.confirmed({}, { node: 0 })
    const { attachment } = await bench.confirmed({ k: 2, turn: 2 }, { node: 1 })
    bench.fail('append', 'before', 1)
    attachment.receive('m1:one')
    await bench.pass(100)
    attachment.receive('m2:two')
    await bench.pass(5000)
    expect(seen).toEqual(['0: begins', '0: one', '0: two'])
  })

  it('[SP20] has a message forwarded again if it did not reach the home', async () => {
    const { bench, seen } = pinned()
    await bench.confirmed({}, { node: 0 })
    const { attachment } = await bench.confirmed({ k: 2, turn: 2 }, { node: 1 })
    // The log accepts the message, and loses it.
    bench.fail('append', 'conflict', 1)
    attachment.receive('m1:one')
    await bench.pass(100)
    attachment.receive('m2:two')
    await bench.pass(1000)
    expect(seen).toEqual(['0: begins'])
    await bench.pass(3000)
    expect(seen).toEqual(['0: begins', '0: one', '0: two'])
  })

  it('[SP20] gets a thousand forwarded messages and a large one complete and in order', async () => {
    const { bench, seen } = pinned({ storeMs: 5 })
    await bench.confirmed({}, { node: 0 })
    const { attachment } = await bench.confirmed({ k: 2, turn: 2 }, { node: 1 })
    const large = 'x'.repeat(1_000_000)
    attachment.receive(`M${JSON.stringify([1, ...Array.from({ length: 1000 }, (_, index) => `m${index + 1}`)])}`)
    attachment.receive(`m1001:${large}`)
    await bench.pass(5000)
    expect(seen.length).toBe(1002)
    expect(seen.slice(1, 1001)).toEqual(Array.from({ length: 1000 }, (_, index) => `0: m${index + 1}`))
    expect(seen[1001]).toBe(`0: ${large}`)
  })
})
