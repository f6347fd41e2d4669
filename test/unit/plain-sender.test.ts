import { describe, expect, it } from 'vitest'
import { FakePostLink, FakeSocketLink } from '../support/fake-link.ts'
import { promised } from '../support/manual-host.ts'
import { senderBench } from '../support/sender-bench.ts'

const mebibyte = 2 ** 20

describe('a WebSocket', () => {
  it('gets all queued messages in order, and later ones at once', () => {
    const { sender, send } = senderBench()
    const link = new FakeSocketLink()
    send('a', 'b')
    sender.attach(link)
    expect(link.written).toEqual(['a', 'b'])
    send('c')
    expect(link.written).toEqual(['a', 'b', 'c'])
  })

  it('gets no more messages while its buffer has 1 MiB, and the rest when it drains', () => {
    const { sender, send, clock } = senderBench()
    const link = new FakeSocketLink()
    link.isStuck = true
    sender.attach(link)
    const half = 'x'.repeat(mebibyte / 2)
    send(half, half, 'a', 'b')
    expect(link.written).toHaveLength(2)
    expect(sender.dueAt()).toBe(20)
    clock.advance(20)
    sender.pump()
    expect(link.written).toHaveLength(2)
    link.drain(1)
    sender.pump()
    expect(link.written.slice(2)).toEqual(['a'])
    link.drain()
    sender.pump()
    expect(link.written.slice(2)).toEqual(['a', 'b'])
    expect(sender.dueAt()).toBe(Infinity)
  })

  it('leaves exactly the messages in its buffer unconfirmed when it is lost', () => {
    const { sender, send } = senderBench()
    const link = new FakeSocketLink()
    link.isStuck = true
    sender.attach(link)
    send('aaaa', 'bbbb', 'cccc', 'dddd')
    link.drain(10)
    expect(sender.detach()).toEqual(['cccc', 'dddd'])
    expect(sender.detach()).toEqual([])
  })

  it('does not count what was sent on an earlier link', () => {
    const { sender, send } = senderBench()
    sender.attach(new FakeSocketLink())
    send('aaaa')
    sender.detach()
    const link = new FakeSocketLink()
    link.isStuck = true
    sender.attach(link)
    send('b', 'c')
    link.drain(1)
    expect(sender.detach()).toEqual(['c'])
  })

  it('does not leave messages unconfirmed that have left its buffer, however many they are', () => {
    const { sender, send } = senderBench()
    const link = new FakeSocketLink()
    sender.attach(link)
    for (let times = 0; times < 1000; times += 1) send('text')
    link.isStuck = true
    send('last')
    expect(sender.detach()).toEqual(['last'])
  })

  it('leaves messages that were not written yet to the next link', () => {
    const { sender, send } = senderBench()
    const [first, second] = [new FakeSocketLink(), new FakeSocketLink()]
    first.buffered = mebibyte
    sender.attach(first)
    send('a')
    expect(sender.detach()).toEqual([])
    sender.attach(second)
    expect(second.written).toEqual(['a'])
  })

  it('reports each message that is written', () => {
    const bench = senderBench()
    bench.sender.attach(new FakeSocketLink())
    bench.send('a', 'b')
    expect(bench.carried).toBe(2)
  })
})

describe('a link that sends by POST', () => {
  const posting = (options?: Parameters<typeof senderBench>[0]) => {
    const bench = senderBench(options)
    const link = new FakePostLink()
    bench.sender.attach(link)
    return { ...bench, link }
  }

  it('has one request at a time, in order', async () => {
    const { send, link } = posting()
    send('a', 'b')
    expect(link.written).toEqual(['a'])
    link.answer('sent')
    await promised()
    expect(link.written).toEqual(['a', 'b'])
    expect(link.posts.every(({ isLast }) => !isLast)).toBe(true)
  })

  it.each([
    ['that the server refuses as undelivered', 'refused', { undelivered: ['a'], why: 'answered' }],
    ['with an unknown outcome as unconfirmed', 'unconfirmed', { unconfirmed: ['a'], why: 'answered' }],
  ] as const)('reports a message %s, does not repeat it, and sends the next one', async (_, outcome, told) => {
    const { send, link, lost } = posting()
    send('a', 'b')
    link.answer(outcome)
    await promised()
    expect(lost).toEqual([told])
    expect(link.written).toEqual(['a', 'b'])
  })

  it('aborts a request that is not answered in time, and reports its message as unconfirmed', async () => {
    const { send, link, lost, pass } = posting()
    send('a', 'b')
    await pass(9999)
    expect(link.posts[0]?.signal.aborted).toBe(false)
    await pass(1)
    expect(link.posts[0]?.signal.aborted).toBe(true)
    expect(lost).toEqual([{ unconfirmed: ['a'], why: 'timeout' }])
    expect(link.written).toEqual(['a', 'b'])
  })

  it('finishes its request when it is detached, before the next link sends', async () => {
    const { sender, send, link, lost, clock } = posting()
    send('a', 'b')
    expect(sender.detach()).toEqual([])
    const next = new FakePostLink()
    sender.attach(next)
    expect(next.written).toEqual([])
    link.answer('sent')
    await promised()
    expect(next.written).toEqual(['b'])
    expect(lost).toEqual([])
    next.answer('sent')
    await promised()
    expect(clock.pending).toBe(0)
  })
})

describe('a message that cannot be sent', () => {
  it('throws a RangeError when the outbox is full', () => {
    const { send, sender } = senderBench({ maxMessages: 1 })
    send('a')
    expect(() => send('b')).toThrow(RangeError)
    const link = new FakeSocketLink()
    sender.attach(link)
    send('c')
    expect(link.written).toEqual(['a', 'c'])
  })

  it.each([
    ['drop-oldest', ['a'], ['b', 'c']],
    ['drop-newest', ['c'], ['a', 'b']],
  ] as const)('is reported as undelivered with %s', (overflow, undelivered, kept) => {
    const { send, sender, lost } = senderBench({ maxMessages: 2, overflow })
    send('a', 'b', 'c')
    expect(lost).toEqual([{ undelivered, why: 'overflow' }])
    const link = new FakeSocketLink()
    sender.attach(link)
    expect(link.written).toEqual(kept)
  })

  it('is reported as undelivered when it has expired', () => {
    const { send, sender, lost, clock } = senderBench({ ttlMs: 1000 })
    send('a')
    clock.advance(400)
    send('b')
    expect(sender.dueAt()).toBe(1000)
    clock.advance(600)
    sender.pump()
    expect(lost).toEqual([{ undelivered: ['a'], why: 'expired' }])
    expect(sender.dueAt()).toBe(1400)
    const link = new FakeSocketLink()
    clock.advance(400)
    sender.attach(link)
    expect(link.written).toEqual([])
  })
})
