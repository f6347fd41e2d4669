import { describe, expect, it } from 'vitest'
import { changed } from '../../src/server/presence/members.ts'
import type { Session } from '../../src/server/session/session-handle.ts'
import { type FakeCarrier, newsOf, ServerBench, type ServerBenchOptions } from '../support/server-bench.ts'

const idOf = (name: string) => name.padEnd(22, '_')
const presenceTimeoutMs = 10_000
const presence = (session: Session) => ({ name: session.id.replaceAll('_', '') })
const member = (id: string) => ({ session: idOf(id) })

async function rig(options: ServerBenchOptions = {}) {
  const bench = new ServerBench({
    nodes: 3,
    ...options,
    handlers: {
      onSession: (session) => session.subscribe(session.id.startsWith('watcher') ? 'presence:room' : 'room'),
    },
    settings: { presence, presenceTimeoutMs, ...options.settings },
  })
  const watcher = await bench.confirmed(member('watcher'), { node: 2 })
  await bench.pass(100)
  return { bench, watcher: watcher.carrier }
}

/** The joins and leaves that a client received, as `+ann` and `-bob`. */
function told(carrier: FakeCarrier): string[] {
  return newsOf(carrier.frames)
    .filter((each) => each.startsWith('1.'))
    .map((each) => {
      const { type, info } = JSON.parse(each.slice(each.indexOf(':') + 1))
      return (type === 'join' ? '+' : '-') + info.name
    })
}

async function names(bench: ServerBench, node = 2): Promise<string[]> {
  return (await bench.at(node).presence('room')).map(({ info }) => (info as { name: string }).name)
}

/** Passes time, while the client of each attachment keeps pinging. */
async function passing(bench: ServerBench, ms: number, attachments: readonly { receive(frame: string): void }[] = []) {
  for (let passed = 0; passed < ms; passed += 1000) {
    for (const each of attachments) each.receive('p')
    await bench.pass(Math.min(1000, ms - passed))
  }
}

describe('presence', () => {
  it('lists the members on every node, and publishes joins and leaves', async () => {
    const { bench, watcher } = await rig()
    await bench.confirmed(member('ann'), { node: 0 })
    const { attachment } = await bench.confirmed(member('bob'), { node: 1 })
    await bench.pass(100)
    expect((await names(bench)).sort()).toEqual(['ann', 'bob'])
    expect(told(watcher).sort()).toEqual(['+ann', '+bob'])
    attachment.ended({ by: 'client', code: 1000, reason: 'bye' })
    await bench.pass(100)
    expect(await names(bench, 0)).toEqual(['ann'])
    expect(told(watcher).slice(2)).toEqual(['-bob'])
    expect(bench.reported).toEqual([])
  })

  it('removes a member at once when its session unsubscribes, and gives it a new id on its next join', async () => {
    const { bench, watcher } = await rig()
    await bench.confirmed(member('ann'))
    await bench.pass(100)
    const [first] = await bench.at(1).presence('room')
    const elsewhere = await bench.session(idOf('ann'), 1)
    await elsewhere.unsubscribe('room')
    await bench.pass(100)
    expect(await names(bench)).toEqual([])
    await elsewhere.subscribe('room')
    await bench.pass(100)
    const [second] = await bench.at(1).presence('room')
    expect(told(watcher)).toEqual(['+ann', '-ann', '+ann'])
    expect(second?.id).not.toBe(first?.id)
  })

  it('removes a detached client after half of presenceTimeoutMs, and keeps one that returns before', async () => {
    const { bench, watcher } = await rig()
    const { attachment } = await bench.confirmed(member('ann'))
    await bench.pass(100)
    attachment.ended({ by: 'network', code: 1006, reason: '' })
    await bench.pass(presenceTimeoutMs / 2 - 500)
    const again = await bench.confirmed({ ...member('ann'), k: 2, turn: 2 })
    await passing(bench, 20_000, [again.attachment])
    expect(told(watcher)).toEqual(['+ann'])
    again.attachment.ended({ by: 'network', code: 1006, reason: '' })
    await bench.pass(presenceTimeoutMs / 2 + 500)
    expect(told(watcher)).toEqual(['+ann', '-ann'])
    expect(await names(bench)).toEqual([])
  })

  it('keeps a client that moves to another node, whether it was lost before or not', async () => {
    const { bench, watcher } = await rig()
    const { attachment } = await bench.confirmed(member('ann'), { node: 0 })
    await bench.pass(100)
    attachment.ended({ by: 'network', code: 1006, reason: '' })
    await bench.pass(2000)
    const second = await bench.confirmed({ ...member('ann'), k: 2, turn: 2 }, { node: 1 })
    await passing(bench, 20_000, [second.attachment])
    const third = await bench.confirmed({ ...member('ann'), k: 3, turn: 3 }, { node: 0 })
    await passing(bench, 20_000, [third.attachment])
    expect(told(watcher)).toEqual(['+ann'])
    expect(await names(bench)).toEqual(['ann'])
  })

  it('removes the members of a dead node once and in time, and keeps those that moved to another node', async () => {
    const { bench, watcher } = await rig()
    await bench.confirmed(member('ann'), { node: 0 })
    await bench.confirmed(member('bob'), { node: 0 })
    await bench.pass(3000)
    bench.kill(0)
    await bench.pass(1000)
    const { attachment } = await bench.confirmed({ ...member('bob'), k: 2, turn: 2 }, { node: 1 })
    await passing(bench, presenceTimeoutMs - 1000, [attachment])
    expect(told(watcher).sort()).toEqual(['+ann', '+bob', '-ann'])
    expect(await names(bench)).toEqual(['bob'])
    await passing(bench, 30_000, [attachment])
    expect(told(watcher)).toHaveLength(3)
  })

  it('removes the members of the only node of a topic when that node dies', async () => {
    const { bench, watcher } = await rig()
    await bench.confirmed(member('ann'), { node: 0 })
    await bench.pass(1000)
    bench.kill(0)
    await bench.pass(presenceTimeoutMs)
    expect(told(watcher)).toEqual(['+ann', '-ann'])
    expect(await names(bench)).toEqual([])
  })

  it('adds the members of a node again that stalled for longer than presenceTimeoutMs', async () => {
    let stalled = -1
    const { bench, watcher } = await rig({ isStalled: (node) => node === stalled })
    const { attachment } = await bench.confirmed(member('ann'), { node: 0 })
    await passing(bench, 1000, [attachment])
    stalled = 0
    await passing(bench, 15_000, [attachment])
    expect(told(watcher)).toEqual(['+ann', '-ann'])
    stalled = -1
    await passing(bench, 5000, [attachment])
    expect(told(watcher)).toEqual(['+ann', '-ann', '+ann'])
    expect(await names(bench)).toEqual(['ann'])
  })

  it('keeps a member that has moved to another node when its former node, cut off from the store until then, is back', async () => {
    for (const knows of [true, false]) {
      let stalled = -1
      const { bench, watcher } = await rig({ isStalled: (node) => node === stalled })
      const { attachment } = await bench.confirmed(member('ann'), { node: 0 })
      await passing(bench, 2000, [attachment])
      stalled = 0
      await passing(bench, 8000, [attachment])
      if (knows) attachment.ended({ by: 'network', code: 1006, reason: '' })
      const again = await bench.confirmed({ ...member('ann'), k: 2, turn: 2 }, { node: 1 })
      await passing(bench, 1000, [again.attachment])
      expect(told(watcher)).toEqual(['+ann', '-ann', '+ann'])
      stalled = -1
      await passing(bench, 30_000, [again.attachment])
      expect(await names(bench)).toEqual(['ann'])
      expect(told(watcher)).toEqual(['+ann', '-ann', '+ann'])
    }
  })

  it('is decided by the turn if a node writes late that a client was there for a while', () => {
    const join = (node: string, turn: number) =>
      ({ type: 'join', session: 'ann', node, turn, id: `${node}${turn}`, info: null }) as const
    const there = changed([], [join('one', 1), join('one', 3)])
    const late = changed(there.stays, [join('other', 2), { type: 'leave', session: 'ann', node: 'other' }])
    expect(late).toEqual({ stays: there.stays, joined: [], leaving: [] })
    expect(late.stays).toEqual([{ id: 'one1', info: null, session: 'ann', node: 'one', turn: 3, isLeaving: false }])
    // A client that polls has one turn on all nodes.
    expect(changed(late.stays, [join('other', 3)]).stays).toMatchObject([{ id: 'one1', node: 'other', turn: 3 }])
  })

  it('keeps a member whose client returns to a node that had not noticed that it had left', async () => {
    const { bench, watcher } = await rig()
    const first = await bench.confirmed(member('ann'), { node: 0 })
    await bench.pass(1000)
    const second = await bench.confirmed({ ...member('ann'), k: 2, turn: 2 }, { node: 1 })
    const third = await bench.confirmed({ ...member('ann'), k: 3, turn: 3 }, { node: 0 })
    await passing(bench, 30_000, [third.attachment])
    expect(first.carrier.closed).not.toBeNull()
    expect(second.carrier.closed).not.toBeNull()
    expect(told(watcher)).toEqual(['+ann'])
    expect(await names(bench)).toEqual(['ann'])
  })

  it('keeps a member for as long as its client is attached, and lists it on another node', async () => {
    const { bench, watcher } = await rig()
    const { attachment } = await bench.confirmed(member('ann'), { node: 0 })
    await passing(bench, 180_000, [attachment])
    expect(told(watcher)).toEqual(['+ann'])
    expect(await names(bench, 1)).toEqual(['ann'])
  })

  it('lists and announces 100 clients that join on three nodes at the same time', async () => {
    const { bench, watcher } = await rig()
    const all = Array.from({ length: 100 }, (_, index) => `m${index}`)
    await Promise.all(all.map((name, index) => bench.confirmed(member(name), { node: index % 3, principal: name })))
    await bench.pass(1000)
    expect((await names(bench)).sort()).toEqual([...all].sort())
    expect(told(watcher).sort()).toEqual(all.map((name) => `+${name}`).sort())
  })

  it.each(['before', 'after'] as const)(
    'announces each join once and lists the same members if the store fails %s executing a call',
    async (when) => {
      const { bench, watcher } = await rig()
      await bench.confirmed(member('ann'))
      for (const method of ['write', 'append', 'read']) {
        bench.fail(method, when, 1)
        const name = `${method}er`
        await bench.confirmed({ ...member(name) }, { principal: name })
        await bench.pass(5000)
      }
      const people = told(watcher)
      expect(new Set(people).size).toBe(people.length)
      expect((await names(bench)).map((name) => `+${name}`).sort()).toEqual([...people].sort())
    },
  )

  it("does not let a node's record of topics grow with those that its members have left", async () => {
    const { bench } = await rig()
    const { attachment } = await bench.confirmed(member('ann'))
    const session = await bench.session(idOf('ann'))
    for (let n = 0; n < 300; n += 1) {
      await session.subscribe(`room ${n}`)
      await bench.pass(500)
      await session.unsubscribe(`room ${n}`)
      await passing(bench, 2000, [attachment])
    }
    const { sessions } = bench.store
    const ids = (await sessions.expired(Infinity, 1000)).filter((id) => id.startsWith('presence on node'))
    const records = await Promise.all(ids.map((id) => sessions.read(id)))
    const named = records.flatMap((read) => (read ? (read.record.data as { topics: readonly string[] }).topics : []))
    expect(ids.length).toBeGreaterThan(10)
    expect(named.length).toBeLessThanOrEqual(2 * ids.length)
  })

  it('lists and announces nobody without the option', async () => {
    const { bench, watcher } = await rig({ settings: { presence: undefined } })
    await bench.confirmed(member('ann'))
    await bench.pass(1000)
    expect(await names(bench)).toEqual([])
    expect(told(watcher)).toEqual([])
  })

  it('reports a presence() that throws, or returns no JSON, too much or a promise, and does not announce the session', async () => {
    const infos: readonly (() => unknown)[] = [
      () => {
        throw new Error('mine')
      },
      () => () => {},
      () => 'x'.repeat(2000),
      async () => ({ name: 'ann' }),
      () => Promise.reject(new Error('mine')),
    ]
    for (const info of infos) {
      const { bench, watcher } = await rig({ settings: { presence: info } })
      const { carrier } = await bench.confirmed(member('ann'))
      await bench.pass(1000)
      expect(carrier.closed).toBeNull()
      expect(bench.reported).toHaveLength(1)
      expect(told(watcher)).toEqual([])
    }
  })

  it('publishes joins and leaves of many members at once, not in as many round trips to the store', async () => {
    const storeMs = 10
    const { bench, watcher } = await rig({ storeMs })
    const members = Array.from({ length: 100 }, (_, index) => `m${index}`)
    const joining = Promise.all(members.map((name) => bench.confirmed(member(name), { node: 0 })))
    await passing(bench, 40 * storeMs)
    await joining
    expect(told(watcher)).toHaveLength(100)
    await bench.pass(1000)
    bench.kill(0)
    await passing(bench, presenceTimeoutMs)
    expect(told(watcher)).toHaveLength(200)
    expect(bench.reported).toEqual([])
  })

  it('publishes leaves again that failed among others, and none twice', async () => {
    const { bench, watcher } = await rig()
    await Promise.all(['ann', 'bob', 'eve'].map((name) => bench.confirmed(member(name), { node: 0 })))
    await passing(bench, 100)
    bench.fail('append', 'after', 2)
    bench.kill(0)
    await passing(bench, presenceTimeoutMs + 5000)
    expect(bench.reported).not.toEqual([])
    expect(told(watcher).sort()).toEqual(['+ann', '+bob', '+eve', '-ann', '-bob', '-eve'])
  })

  it('has no members of its own topics: who watches the members of a topic is not one more topic with members', async () => {
    const { bench } = await rig()
    await bench.confirmed(member('ann'))
    const session = await bench.session(idOf('ann'), 0)
    // The longest name with presence: that of the members of its members would be too long.
    await session.subscribe(['presence:room', `presence:${'x'.repeat(1015)}`])
    await bench.pass(5000)
    expect(await bench.at(1).presence('presence:room')).toEqual([])
    expect((await bench.store.topics.readAfter('presence:presence:room', 0, { maxMessages: 9, maxBytes: 9999 })).tail).toBe(0)
    expect(bench.reported).toEqual([])
  })

  it('reports once a topic whose name is too long for presence, and does not announce its members', async () => {
    const { bench } = await rig()
    await bench.confirmed(member('ann'))
    const session = await bench.session(idOf('ann'), 0)
    await session.subscribe(['x'.repeat(1015), 'x'.repeat(1016)])
    await bench.pass(5000)
    expect(bench.reported).toEqual([expect.objectContaining({ message: expect.stringContaining('1,015 characters') })])
    expect(await bench.at(1).presence('x'.repeat(1015))).toHaveLength(1)
    expect(await bench.at(1).presence('x'.repeat(1016))).toEqual([])
    await session.close()
    await bench.pass(5000)
    expect(bench.reported).toHaveLength(1)
  })

  it('reports joins and leaves that the codec cannot encode, and does not try again', async () => {
    const encode = () => {
      throw new TypeError('no join')
    }
    const { bench } = await rig({ settings: { codec: { encode, decode: String } } })
    bench.reported.length = 0
    await bench.confirmed(member('ann'))
    await bench.pass(5000)
    expect(bench.reported).toHaveLength(1)
    expect(await names(bench, 1)).toEqual(['ann'])
  })
})
