import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { KeptMessage } from '../../src/session/session-port.ts'
import { numberedData, readSnapshot, restoreSession, type SessionSnapshot, snapshotOf } from '../../src/session/snapshot.ts'
import { openFrame } from '../support/hand-network.ts'
import { seedOf } from '../support/seeded.ts'
import { type SessionBench, type SessionBenchOptions, SessionSocketLink, sessionBench } from '../support/session-bench.ts'

const seed = seedOf(process.env)

const snapshot = ({ session, sender }: SessionBench) => snapshotOf(session, sender.sent)

/** Another client, which continues the session as if its page had loaded the snapshot. */
function next(stored: SessionSnapshot, options: SessionBenchOptions = {}): SessionBench {
  const bench = sessionBench(options)
  const read = readSnapshot(JSON.parse(JSON.stringify(stored)))
  restoreSession(bench.session, read)
  const messages = numberedData(read, bench.clock.now()).map((data) => ({ data }))
  bench.sender.replace(read.first, messages)
  return bench
}

describe('a snapshot', () => {
  it('of a session that has not begun is empty', () => {
    expect(snapshot(sessionBench())).toEqual({
      id: 'a-session-of-the-tests',
      k: 0,
      turn: 0,
      streams: [],
      stores: [],
      first: 1,
      last: 0,
      before: 0,
      messages: [],
    })
  })

  it('[SP1] restores the cursor of each stream: no message is taken twice', async () => {
    const one = sessionBench()
    one.attach(new SessionSocketLink(), { store: 's1' })
    one.read('s{"at":1,"stream":3,"topic":"chat","epoch":"k7","from":10}', 'm3.11:a', 'm0.4:b')
    one.session.turn = 6
    const two = next(snapshot(one))
    expect(two.session.hello(1, {})).toMatchObject({ session: 'a-session-of-the-tests', cursor: '0.4~e1,3.11~k7', store: 's1' })
    expect(two.session.turn).toBe(6)
    const heard: unknown[] = []
    two.session.readText(openFrame({ k: 1, resumed: true }), {
      ...nobody,
      received: ({ data, topic }) => heard.push([topic, data]),
    })
    expect(two.session.isResumed).toBe(true)
    for (const frame of ['m3.11:a', 'm0.4:b', 'm3.12:c'])
      two.session.readText(frame, { ...nobody, received: ({ data, topic }) => heard.push([topic, data]) })
    expect(heard).toEqual([['chat', 'c']])
  })

  it('[SP5] restores k, which grows over any number of clients', () => {
    const one = sessionBench()
    one.session.hello(1, {})
    one.session.hello(4, {})
    one.session.hello(2, {})
    const two = next(snapshot(one))
    expect(two.session.hello(1, {}).k).toBe(5)
    expect(two.session.hello(2, {}).k).toBe(6)
    expect(next(snapshot(two)).session.hello(1, {}).k).toBe(7)
  })

  it('[SP2] restores the numbers: messages above `taken` are written again, and then new ones', async () => {
    const one = sessionBench()
    const socket = one.attach(new SessionSocketLink())
    one.send('a', 'b', 'c')
    await one.wait(0)
    one.read('a1')
    expect(socket.news()).toEqual(['M[1,"a","b","c"]'])
    const two = next(snapshot(one))
    two.send('d')
    expect(two.session.hello(1, {})).toMatchObject({ n: 2, last: 3 })
    expect(two.attach(new SessionSocketLink(2), { taken: 2, ack: 1, resumed: true }).news()).toEqual(['M[3,"c","d"]'])
  })

  it('[SP2] has the numbers withdrawn whose messages were not kept and that the server has not taken', async () => {
    const one = sessionBench()
    one.attach(new SessionSocketLink())
    one.send('a', 'b', 'c')
    await one.wait(0)
    const two = next({ ...snapshot(one), messages: [] })
    two.send('d')
    expect(two.attach(new SessionSocketLink(1), { taken: 1, resumed: true }).news()).toEqual(['w2', 'w3', 'm4:d'])
    two.read('a4')
    await two.sender.flushed()
    expect(two.lost).toEqual([])
  })

  it('holds queued messages after the written ones, unless they have expired by then', async () => {
    const one = sessionBench({ ttlMs: 1000 })
    one.attach(new SessionSocketLink())
    one.send('a')
    await one.wait(0)
    one.sender.detach()
    one.send('b', 'c')
    const taken = snapshot(one)
    expect(taken.messages).toEqual([
      { n: 1, data: 'a' },
      { n: 2, data: 'b', expiresAt: 1000 },
      { n: 3, data: 'c', expiresAt: 1000 },
    ])
    expect([taken.last, numberedData(taken, 999), numberedData(taken, 1000)]).toEqual([1, ['a', 'b', 'c'], ['a', null, null]])
  })

  it('has its messages count against the bounds of the outbox until they are acknowledged', async () => {
    const one = sessionBench()
    one.attach(new SessionSocketLink())
    one.send('a', 'b')
    await one.wait(0)
    const two = next(snapshot(one), { maxMessages: 3 })
    two.send('c')
    expect(() => two.send('d')).toThrow(/The outbox is full: 3 messages/)
    two.attach(new SessionSocketLink(2), { taken: 2, ack: 2, resumed: true })
    two.send('d')
  })

  it('[SP2] lets the next client continue without a lost or repeated message, whenever one ends', () => {
    const step = fc.record({
      sends: fc.array(fc.string({ maxLength: 3 }), { maxLength: 4 }),
      takes: fc.nat(6),
      acks: fc.nat(6),
      hands: fc.boolean(),
    })
    return fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        let bench = sessionBench()
        let taken = 0
        let ack = 0
        const said: string[] = []
        const handled: string[] = []
        for (const { sends, takes, acks, hands } of steps) {
          if (hands) bench = next(snapshot(bench))
          const socket = bench.attach(new SessionSocketLink(taken), { taken, ack, resumed: true })
          bench.send(...sends)
          said.push(...sends)
          await bench.wait(0)
          // Of what was written the server takes some, and acknowledges some of that.
          let left = takes
          for (const [n, text] of socket.news().flatMap((frame) => numberedOf(String(frame)))) {
            if (left === 0) break
            expect(n).toBe(taken + 1)
            taken += 1
            left -= 1
            handled.push(text)
          }
          ack = Math.min(taken, ack + acks)
          bench.read(`a${ack}`)
          bench.sender.detach()
        }
        const rest = next(snapshot(bench)).attach(new SessionSocketLink(taken), { taken, ack, resumed: true })
        handled.push(...rest.news().flatMap((frame) => numberedOf(String(frame)).map(([, text]) => text)))
        expect(handled).toEqual(said)
      }),
      { seed, numRuns: 200 },
    )
  })
})

describe('readSnapshot() of untrusted data', () => {
  const sound: SessionSnapshot = {
    id: 'a',
    k: 1,
    turn: 1,
    streams: [{ stream: 0, epoch: 'e1', topic: '', offset: 3 }],
    stores: ['s1'],
    first: 2,
    last: 3,
    before: 0,
    messages: [
      { n: 2, data: 'b' },
      { n: 3, data: new ArrayBuffer(2) },
    ],
  }

  it('accepts what snapshotOf() returns, and drops unknown members', () => {
    expect(readSnapshot({ ...sound, more: 1 })).toEqual(sound)
  })

  const messages = (...numbers: readonly number[]): readonly KeptMessage[] => numbers.map((n) => ({ n, data: '' }))
  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'x'],
    ['a list', []],
    ['an id with a space', { ...sound, id: 'a b' }],
    ['an id that is missing', { ...sound, id: undefined }],
    ['a negative k', { ...sound, k: -1 }],
    ['a turn that is a text', { ...sound, turn: '1' }],
    ['a first number below 1', { ...sound, first: 0 }],
    ['a last number below the first', { ...sound, first: 9 }],
    ['a number of an earlier life that was never written', { ...sound, before: 4 }],
    ['more numbers than an outbox holds', { ...sound, last: 2 ** 53 - 1 }],
    ['a message far behind the last number', { ...sound, messages: messages(2, 2 ** 40) }],
    ['a message before the first', { ...sound, messages: messages(1) }],
    ['messages out of order', { ...sound, messages: messages(3, 2) }],
    ['a message twice', { ...sound, messages: messages(2, 2) }],
    ['a message that is a number', { ...sound, messages: [{ n: 2, data: 5 }] }],
    ['a message without data', { ...sound, messages: [{ n: 2 }] }],
    ['a stream twice', { ...sound, streams: [sound.streams[0], sound.streams[0]] }],
    ['an epoch that a cursor cannot hold', { ...sound, streams: [{ stream: 0, epoch: 'a,b', topic: '', offset: 0 }] }],
    ['a store that a hello cannot hold', { ...sound, stores: ['a,b'] }],
    ['streams that are no list', { ...sound, streams: {} }],
  ])('refuses %s', (_name, value) => {
    expect(() => readSnapshot(value)).toThrow(TypeError)
  })

  it('never accepts anything that a client could not continue with', () => {
    const anything = fc.oneof(fc.anything({ maxDepth: 2 }), fc.nat(9), fc.constant('e1'), fc.constant(undefined))
    const like = fc.record({
      id: anything,
      k: anything,
      turn: anything,
      stores: fc.oneof(anything, fc.array(anything)),
      first: anything,
      last: anything,
      before: anything,
      streams: fc.oneof(anything, fc.array(fc.record({ stream: anything, epoch: anything, topic: anything, offset: anything }))),
      messages: fc.oneof(anything, fc.array(fc.record({ n: anything, data: anything, expiresAt: anything }))),
    })
    fc.assert(
      fc.property(fc.oneof(fc.anything(), like), (value) => {
        let read: SessionSnapshot
        try {
          read = readSnapshot(value)
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError)
          return
        }
        const bench = sessionBench()
        restoreSession(bench.session, read)
        const messages = numberedData(read, 0).map((data) => ({ data }))
        bench.sender.replace(read.first, messages)
        expect(snapshotOf(bench.session, bench.sender.sent)).toMatchObject({ id: read.id, k: read.k, first: read.first })
        expect(JSON.stringify(bench.session.hello(1, {})).length).toBeLessThan(65_536)
      }),
      { seed, numRuns: 2000 },
    )
  })
})

const nobody = {
  opened() {},
  received() {},
  pinged() {},
  closed() {},
  outdated: (): never => {
    throw new Error('outdated')
  },
}

function numberedOf(frame: string): (readonly [n: number, text: string])[] {
  if (frame.startsWith('M')) {
    const [first, ...texts]: [number, ...string[]] = JSON.parse(frame.slice(1))
    return texts.map((text, index) => [first + index, text] as const)
  }
  const colon = frame.indexOf(':')
  return frame.startsWith('m') ? [[+frame.slice(1, colon), frame.slice(colon + 1)]] : []
}
