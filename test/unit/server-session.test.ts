import { describe, expect, it } from 'vitest'
import type { Session } from '../../src/server/session/session-handle.ts'
import { promised } from '../support/manual-host.ts'
import { ServerBench, sessionId } from '../support/server-bench.ts'

describe('a session handle', () => {
  it('refers to the same session on any node, with all its state in the store', async () => {
    const bench = new ServerBench({ nodes: 2 })
    await bench.confirmed()
    const here = await bench.session()
    const there = await bench.session(sessionId, 1)
    expect([there.id, there.principal, there.data]).toEqual([sessionId, { id: 'ann' }, null])
    expect(await here.update({ count: 1, __proto__x: [1, 'two', null] })).toBe(true)
    expect(here.data).toEqual({ count: 1, __proto__x: [1, 'two', null] })
    expect(await there.reload()).toBe(true)
    expect(there.data).toEqual(here.data)
    await Promise.all([here, there].flatMap((each) => Array.from({ length: 10 }, () => each.update(add))))
    await here.reload()
    expect(here.data).toMatchObject({ count: 21 })
  })

  const add = (data: unknown) => ({ count: (data as { count: number }).count + 1 })

  it('keeps the order of messages whose send() is not awaited', async () => {
    const bench = new ServerBench()
    const { carrier } = await bench.confirmed()
    const session = await bench.session()
    for (let n = 1; n <= 5; n += 1) session.send(`message ${n}`)
    await bench.pass(0)
    expect(carrier.news).toEqual([1, 2, 3, 4, 5].map((n) => `0.${n}:message ${n}`))
  })

  it('names each invalid argument in an error', async () => {
    const bench = new ServerBench({ limits: { maxMessageBytes: 10, maxDataBytes: 20, maxSubscriptions: 2 } })
    await bench.confirmed()
    const session = await bench.session()
    expect(() => session.send({} as never)).toThrow(
      'session.send() takes a string, an ArrayBuffer or a view of one; it was an object. For other values set the option codec, such as codec: json().',
    )
    expect(() => session.send('x'.repeat(11))).toThrow('session.send() was given 11 bytes; limits.maxMessageBytes allows 10')
    expect(() => session.subscribe('')).toThrow('takes a topic of 1 to 1,024 characters')
    expect(() => session.update(undefined)).toThrow('session.update() takes JSON; it was undefined')
    expect(() => session.update('x'.repeat(30))).toThrow('session.data would have 32 bytes; limits.maxDataBytes allows 20')
    expect(() => session.close(4409)).toThrow('takes a code from 4000 to 4999')
    expect(() => session.close(1000)).toThrow(TypeError)
    expect(() => session.close(4321, 'x'.repeat(124))).toThrow('at most 123 bytes')
    await expect(bench.at(0).publish('a', 7 as never)).rejects.toThrow('publish() takes a string')
    for (const topic of ['a', 'b']) expect(await session.subscribe(topic)).toBe(true)
    await expect(session.subscribe('c')).rejects.toThrow('limits.maxSubscriptions')
    await expect(
      session.update(() => {
        throw new Error('mine')
      }),
    ).rejects.toThrow('mine')
    expect(session.data).toBeNull()
  })

  it('reports a failed send() that is not awaited, and rejects a failed update()', async () => {
    const bench = new ServerBench()
    await bench.confirmed()
    const session = await bench.session()
    bench.fail('append', 'before')
    session.send('nobody waits')
    await promised()
    expect(bench.reported.map(String)).toEqual(['Error: The store fails.'])
    bench.fail('write', 'before')
    await expect(session.update(1)).rejects.toThrow('The store fails.')
  })

  it('resolves every call with false when the session has ended, or a new one has its id', async () => {
    const bench = new ServerBench()
    const { attachment } = await bench.confirmed()
    const session = await bench.session()
    attachment.ended({ by: 'client', code: 1000, reason: '' })
    await promised()
    const all = () => [
      session.send('x'),
      session.update(1),
      session.subscribe('a'),
      session.unsubscribe('a'),
      session.reload(),
      session.close(),
    ]
    expect(await Promise.all(all())).toEqual([false, false, false, false, false, false])
    await bench.pass(130_000)
    await bench.confirmed({ k: 2 })
    expect(await Promise.all(all())).toEqual([false, false, false, false, false, false])
    expect((await bench.session()).data).toBeNull()
    expect(bench.reported).toEqual([])
  })

  it('subscribes once when handles on two nodes subscribe several times', async () => {
    const bench = new ServerBench({ nodes: 2 })
    const { carrier } = await bench.confirmed()
    const both: Session[] = [await bench.session(), await bench.session(sessionId, 1)]
    await Promise.all(both.flatMap((each) => [each.subscribe('a'), each.subscribe('a')]))
    await bench.at(1).publish('a', 'one')
    await promised()
    expect(carrier.news.filter((each) => each.endsWith(':one'))).toHaveLength(1)
    const read = await bench.store.sessions.read(sessionId)
    expect(read?.record.subscriptions).toHaveLength(1)
    await Promise.all(both.map((each) => each.unsubscribe('a')))
    await bench.at(1).publish('a', 'two')
    await promised()
    expect(carrier.news.filter((each) => each.endsWith(':two'))).toEqual([])
  })
})
