import { describe, expect, it } from 'vitest'
import type { Limits } from '../../src/connection/outbox.ts'
import { bytesOf, Sender } from '../../src/sender.ts'
import { FakePostLink, FakeSocketLink } from '../support/fake-link.ts'
import { type ManualPage, manualPage, promised } from '../support/manual-host.ts'

const mebibyte = 2 ** 20

interface Bench extends ManualPage {
  readonly sender: Sender<string>
  readonly lost: unknown[]
  carried: number
  send(...texts: string[]): void
}

function benchOf({ ttlMs = Infinity, ...limits }: Partial<Limits> & { readonly ttlMs?: number } = {}): Bench {
  const page = manualPage()
  const lost: unknown[] = []
  const sender = new Sender<string>({
    host: page.host,
    limits: { maxMessages: 100_000, maxBytes: 2 ** 24, overflow: 'reject', ...limits },
    ttlMs,
    writeTimeoutMs: 10_000,
    onLost: (what, report) => lost.push({ ...what, why: report.kind }),
    onCarried: () => {
      bench.carried += 1
    },
    onDue: () => {},
  })
  const send = (...texts: string[]) => {
    for (const text of texts) sender.send(text, text)
  }
  const bench: Bench = { ...page, sender, lost, carried: 0, send }
  return bench
}

/** Whether it is settled, and how. */
function outcomeOf(promise: Promise<unknown>): Promise<string> {
  const outcome = promise.then(
    () => 'resolved',
    () => 'rejected',
  )
  return Promise.race([outcome, promised().then(() => 'pending')])
}

describe('a link that takes everything at once', () => {
  it('is given all that waits, in order, and what is sent later at once', () => {
    const { sender, send } = benchOf()
    const link = new FakeSocketLink()
    send('a', 'b')
    sender.attach(link)
    expect(link.written).toEqual(['a', 'b'])
    send('c')
    expect(link.written).toEqual(['a', 'b', 'c'])
  })

  it('is given no more while a mebibyte waits in it, and the rest when that has left', () => {
    const { sender, send, clock } = benchOf()
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

  it('on its loss exactly what it had not sent is unconfirmed', () => {
    const { sender, send } = benchOf()
    const link = new FakeSocketLink()
    link.isStuck = true
    sender.attach(link)
    send('aaaa', 'bbbb', 'cccc', 'dddd')
    link.drain(10)
    expect(sender.detach()).toEqual(['cccc', 'dddd'])
    expect(sender.detach()).toEqual([])
  })

  it('what was sent on an earlier link counts for nothing on the next', () => {
    const { sender, send } = benchOf()
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

  it('what it has sent is forgotten, however much that was', () => {
    const { sender, send } = benchOf()
    const link = new FakeSocketLink()
    sender.attach(link)
    for (let times = 0; times < 1000; times += 1) send('text')
    link.isStuck = true
    send('last')
    expect(sender.detach()).toEqual(['last'])
  })

  it('what was not written yet waits for the next link', () => {
    const { sender, send } = benchOf()
    const [first, second] = [new FakeSocketLink(), new FakeSocketLink()]
    first.buffered = mebibyte
    sender.attach(first)
    send('a')
    expect(sender.detach()).toEqual([])
    sender.attach(second)
    expect(second.written).toEqual(['a'])
  })

  it('each message that is written is told of', () => {
    const bench = benchOf()
    bench.sender.attach(new FakeSocketLink())
    bench.send('a', 'b')
    expect(bench.carried).toBe(2)
  })
})

describe('a link that posts', () => {
  const posting = (options?: Parameters<typeof benchOf>[0]) => {
    const bench = benchOf(options)
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
    ['refused by the server was not delivered', 'refused', { undelivered: ['a'], why: 'answered' }],
    ['lost on its way is unconfirmed', 'unconfirmed', { unconfirmed: ['a'], why: 'answered' }],
  ] as const)('what is %s; it is never sent again, and the next one is', async (_, outcome, told) => {
    const { send, link, lost } = posting()
    send('a', 'b')
    link.answer(outcome)
    await promised()
    expect(lost).toEqual([told])
    expect(link.written).toEqual(['a', 'b'])
  })

  it('a request that is not answered in time is aborted and unconfirmed', async () => {
    const { send, link, lost, pass } = posting()
    send('a', 'b')
    await pass(9999)
    expect(link.posts[0]?.signal.aborted).toBe(false)
    await pass(1)
    expect(link.posts[0]?.signal.aborted).toBe(true)
    expect(lost).toEqual([{ unconfirmed: ['a'], why: 'broken' }])
    expect(link.written).toEqual(['a', 'b'])
  })

  it('a request outlives its link, and nothing else is posted beside it', async () => {
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

describe('what cannot be sent', () => {
  it('is refused when the outbox is full', () => {
    const { send, sender } = benchOf({ maxMessages: 1 })
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
  ] as const)('%s: what goes is told of', (overflow, undelivered, kept) => {
    const { send, sender, lost } = benchOf({ maxMessages: 2, overflow })
    send('a', 'b', 'c')
    expect(lost).toEqual([{ undelivered, why: 'overflow' }])
    const link = new FakeSocketLink()
    sender.attach(link)
    expect(link.written).toEqual(kept)
  })

  it('is told of when it has waited too long', () => {
    const { send, sender, lost, clock } = benchOf({ ttlMs: 1000 })
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

describe('flushed()', () => {
  it('resolves at once when nothing was sent', async () => {
    expect(await outcomeOf(benchOf().sender.flushed())).toBe('resolved')
  })

  it('waits for a connection, and for the socket to have sent all', async () => {
    const { sender, send, clock } = benchOf()
    const link = new FakeSocketLink()
    link.isStuck = true
    send('aa')
    const flushed = sender.flushed()
    expect(await outcomeOf(flushed)).toBe('pending')
    sender.attach(link)
    send('later')
    expect(await outcomeOf(flushed)).toBe('pending')
    expect(sender.dueAt()).toBe(20)
    link.drain(2)
    clock.advance(20)
    sender.pump()
    expect(await outcomeOf(flushed)).toBe('resolved')
  })

  it('waits for the answer to a POST', async () => {
    const { sender, send } = benchOf()
    const link = new FakePostLink()
    sender.attach(link)
    send('a')
    const flushed = sender.flushed()
    expect(await outcomeOf(flushed)).toBe('pending')
    link.answer('sent')
    expect(await outcomeOf(flushed)).toBe('resolved')
  })

  it('does not wait for what is lost or dropped', async () => {
    const { sender, send, clock } = benchOf({ ttlMs: 10 })
    send('a')
    const flushed = sender.flushed()
    clock.advance(10)
    sender.pump()
    expect(await outcomeOf(flushed)).toBe('resolved')
  })

  it('rejects when it ends before all was sent', async () => {
    const { sender, send } = benchOf()
    send('a')
    const flushed = sender.flushed()
    void sender.finish(() => {})
    expect(await outcomeOf(flushed)).toBe('rejected')
  })
})
