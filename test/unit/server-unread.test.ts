import { describe, expect, it } from 'vitest'
import { Unread } from '../../src/server/session/unread.ts'
import { promised } from '../support/manual-host.ts'
import { seeded, seedOf } from '../support/seeded.ts'
import { ServerBench, sessionId } from '../support/server-bench.ts'

const kib = 1024

describe('the count of unread bytes', () => {
  it('is what was sent minus what was acknowledged', () => {
    const unread = new Unread()
    expect([unread.bytes, unread.through]).toEqual([0, 0])
    unread.add(1, 10)
    unread.add(2, 20)
    unread.add(5, 30)
    expect([unread.bytes, unread.through]).toEqual([60, 5])
    unread.acknowledged(2)
    expect(unread.bytes).toBe(30)
    unread.acknowledged(4)
    expect(unread.bytes).toBe(30)
    unread.acknowledged(5)
    expect([unread.bytes, unread.through, unread.runs]).toEqual([0, 0, 0])
  })

  it('takes a bounded number of runs, however many messages and bytes there are', () => {
    const unread = new Unread()
    for (let offset = 1; offset <= 100_000; offset += 1) unread.add(offset, kib)
    expect(unread.bytes).toBe(100_000 * kib)
    expect(unread.runs).toBeLessThanOrEqual(256)
    unread.acknowledged(50_000)
    expect(unread.bytes).toBeGreaterThanOrEqual(50_000 * kib)
    expect(unread.bytes).toBeLessThan(52_000 * kib)
    unread.acknowledged(100_000)
    expect([unread.bytes, unread.runs]).toEqual([0, 0])
  })

  it('is never below the exact number, and 0 when all is read, in random sequences', () => {
    const seed = seedOf(process.env)
    const random = seeded(seed)
    const label = `SEED=${seed}`
    for (let round = 0; round < 40; round += 1) {
      const unread = new Unread()
      const sent: { readonly offset: number; readonly bytes: number }[] = []
      let acknowledged = 0
      for (let step = 0; step < 600; step += 1) {
        if (random() < 0.9) {
          const offset = (sent.at(-1)?.offset ?? 0) + 1 + Math.floor(random() * 3)
          const bytes = Math.floor(random() ** 4 * 60_000)
          sent.push({ offset, bytes })
          unread.add(offset, bytes)
        } else {
          acknowledged = Math.max(acknowledged, Math.floor(random() * (sent.at(-1)?.offset ?? 0)))
          unread.acknowledged(acknowledged)
        }
        const exact = sent.filter(({ offset }) => offset > acknowledged).reduce((sum, { bytes }) => sum + bytes, 0)
        expect(unread.bytes, label).toBeGreaterThanOrEqual(exact)
      }
      unread.acknowledged(Infinity)
      expect([unread.bytes, unread.runs], label).toEqual([0, 0])
    }
  })
})

/** A confirmed client and its session, on the first of two nodes. */
async function start(nodes = 2) {
  const bench = new ServerBench({ nodes })
  const attached = await bench.confirmed()
  const session = await bench.session()
  return { bench, ...attached, session }
}

/** What a promise has resolved with so far. */
function watched<Value>(promise: Promise<Value>): { value: Value | undefined } {
  const seen: { value: Value | undefined } = { value: undefined }
  promise.then((value) => {
    seen.value = value
  })
  return seen
}

describe('session.unreadBytes and session.drained()', () => {
  it('follow the acknowledgments of the client on this node', async () => {
    const { bench, attachment, carrier, session } = await start()
    expect(session.unreadBytes).toBe(0)
    await session.send('x'.repeat(300_000))
    await session.send(new Uint8Array(100_000))
    expect(session.unreadBytes).toBe(400_128)
    const half = watched(session.drained())
    const all = watched(session.drained(0))
    await bench.pass(10)
    expect([half.value, all.value]).toEqual([undefined, undefined])
    attachment.receive(`a0.1~${carrier.open.epoch}`)
    await promised()
    expect([session.unreadBytes, half.value, all.value]).toEqual([100_064, true, undefined])
    attachment.receive(`a0.2~${carrier.open.epoch}`)
    await promised()
    expect([session.unreadBytes, all.value]).toEqual([0, true])
    expect(await session.drained(0)).toBe(true)
  })

  it('follow acknowledgments on another node while drained() is pending, with ever rarer reads of the store', async () => {
    const { bench, carrier, session } = await start()
    await session.send('x'.repeat(1000))
    await session.send('y'.repeat(1000))
    bench.at(0)
    const { epoch } = carrier.open
    const { attachment } = await bench.confirmed({ k: 2, turn: 2, cursor: `0.0~${epoch}` }, { node: 1 })
    await bench.pass(100)
    expect(carrier.closed).toMatchObject({ code: 4409 })
    bench.calls.clear()
    const drained = watched(session.drained(1064))
    await bench.pass(20_000)
    expect(drained.value).toBeUndefined()
    expect(bench.calls.get('sessions.readAfter') ?? 0).toBeLessThan(30)
    attachment.receive(`a0.1~${epoch}`)
    await bench.pass(1000)
    expect([drained.value, session.unreadBytes]).toEqual([true, 1064])
    bench.calls.clear()
    await bench.pass(20_000)
    expect(bench.calls.get('sessions.readAfter') ?? 0).toBe(0)
  })

  it('keep working while the client is away, and when this node no longer holds the session', async () => {
    const { bench, attachment, carrier, session } = await start()
    const { epoch } = carrier.open
    attachment.ended({ by: 'network', code: 1006, reason: '' })
    await bench.pass(15_000)
    expect(bench.at(0).sessionsHere).toBe(0)
    for (let count = 0; count < 10; count += 1) await session.send('x'.repeat(1000))
    expect(session.unreadBytes).toBe(10_640)
    const drained = watched(session.drained(0))
    await bench.pass(5000)
    expect(drained.value).toBeUndefined()
    const back = await bench.confirmed({ k: 2, turn: 2, cursor: `0.0~${epoch}` })
    back.attachment.receive(`a0.10~${epoch}`)
    await bench.pass(1000)
    expect([drained.value, session.unreadBytes]).toEqual([true, 0])
  })

  it.each(['the session ends here', 'it ends on another node', 'it is removed', 'the node stops'])(
    'drained() resolves with false when %s, and from then on',
    async (how) => {
      const { bench, session } = await start()
      await session.send('x'.repeat(1000))
      const drained = watched(session.drained(0))
      await promised()
      if (how === 'the session ends here') void session.close()
      else if (how === 'it ends on another node') void (await bench.session(sessionId, 1)).close()
      else if (how === 'the node stops') bench.at(0).halt()
      else {
        const read = await bench.store.sessions.read(sessionId)
        await bench.store.sessions.remove(sessionId, read?.version ?? 0)
      }
      await bench.pass(2000)
      expect(drained.value).toBe(false)
      expect(await session.drained()).toBe(false)
      expect(session.unreadBytes).toBe(0)
    },
  )

  it('drained() reads the store again if it fails meanwhile', async () => {
    const { bench, attachment, carrier, session } = await start()
    const { epoch } = carrier.open
    await session.send('x'.repeat(1000))
    attachment.ended({ by: 'network', code: 1006, reason: '' })
    await bench.pass(15_000)
    const drained = watched(session.drained(0))
    bench.fail('readAfter', 'before', 3)
    await bench.pass(3000)
    expect(bench.reported.length).toBeGreaterThan(0)
    const { attachment: back } = await bench.confirmed({ k: 2, turn: 2, cursor: `0.0~${epoch}` }, { node: 1 })
    back.receive(`a0.1~${epoch}`)
    await bench.pass(2000)
    expect(drained.value).toBe(true)
  })

  it('drained() throws if its argument is no number of bytes', async () => {
    const { session } = await start()
    for (const wrong of [-1, Number.NaN, '1'])
      expect(() => session.drained(wrong as number)).toThrow('session.drained() takes a number of bytes, from 0')
  })

  it('unreadBytes returns to 0 without drained() after the client has read everything on another node', async () => {
    const { bench, attachment, carrier, session } = await start()
    const { epoch } = carrier.open
    await session.send('x'.repeat(1000))
    attachment.ended({ by: 'network', code: 1006, reason: '' })
    const { attachment: other } = await bench.confirmed({ k: 2, turn: 2, cursor: `0.0~${epoch}` }, { node: 1 })
    other.receive(`a0.1~${epoch}`)
    for (let count = 0; count < 80; count += 1) {
      await bench.pass(5000)
      other.receive('p')
    }
    expect(session.unreadBytes).toBe(0)
  })
})
