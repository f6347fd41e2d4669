import { describe, expect, it } from 'vitest'
import type { Unsent } from '../../src/api/message-sender.ts'
import { PlainSender } from '../../src/sending/plain-sender.ts'
import { FakePostLink, FakeSocketLink } from '../support/fake-link.ts'
import { manualPage } from '../support/manual-host.ts'

function benchOf(link: FakePostLink | FakeSocketLink | null, isPageLeaving = false) {
  const page = manualPage()
  const told: unknown[] = []
  const sender = new PlainSender<string>({
    host: page.host,
    limits: { maxMessages: 100, maxBytes: 2 ** 24, overflow: 'reject' },
    ttlMs: Infinity,
    writeTimeoutMs: 10_000,
    onLost: (lost) => told.push(lost),
    onSent: () => {},
    onDue: () => {},
    isPageLeaving: () => isPageLeaving,
    roundTripMs: () => 0,
    onGap() {},
    onAckOverdue() {},
    onDivided() {},
    onNote() {},
    onBroken() {},
  })
  if (link) sender.attach(link)
  const result: { unsent?: Unsent<string>; closedAt?: number; at?: number } = {}
  return {
    ...page,
    told,
    sender,
    result,
    send: (...texts: string[]) => texts.forEach((text) => void sender.send(text, text)),
    finish() {
      const finished = sender.finish(() => {
        result.closedAt = page.clock.now()
        link?.close(1000, '')
      })
      finished.then((unsent) => Object.assign(result, { unsent, at: page.clock.now() }))
    },
  }
}

describe('finish() without a link', () => {
  it('returns the queued messages at once', async () => {
    const { send, finish, pass, result, clock } = benchOf(null)
    send('a', 'b')
    finish()
    await pass(0)
    expect(result).toEqual({ unsent: { unsent: ['a', 'b'], unconfirmed: [] }, closedAt: 0, at: 0 })
    expect(clock.pending).toBe(0)
  })
})

describe('finish() with a WebSocket', () => {
  it('writes all queued messages, however full the socket buffer is, before the link is closed', async () => {
    const link = new FakeSocketLink()
    link.isStuck = true
    const { send, finish, pass, result } = benchOf(link)
    send('x'.repeat(2 ** 20), 'a', 'b')
    expect(link.written).toHaveLength(1)
    finish()
    expect(link.written.slice(1)).toEqual(['a', 'b'])
    expect(result.closedAt).toBe(0)
    link.drain()
    await pass(20)
    expect(result.unsent).toEqual({ unsent: [], unconfirmed: [] })
  })

  it('waits five seconds for the socket buffer to drain; then the rest is unconfirmed', async () => {
    const link = new FakeSocketLink()
    link.isStuck = true
    const { send, finish, pass, result, clock } = benchOf(link)
    send('aa', 'bb')
    finish()
    await pass(3000)
    expect(result.unsent).toBeUndefined()
    link.drain(2)
    await pass(2000)
    expect(result).toMatchObject({ unsent: { unsent: [], unconfirmed: ['bb'] }, at: 5000 })
    expect(clock.pending).toBe(0)
  })

  it('returns nothing when it is called again', async () => {
    const link = new FakeSocketLink()
    const { sender, send, pass } = benchOf(link)
    send('a')
    await sender.finish(() => {})
    const again = sender.finish(() => {})
    await pass(0)
    expect(await again).toEqual({ unsent: [], unconfirmed: [] })
    expect(link.written).toEqual(['a'])
  })
})

describe('finish() with a link that sends by POST', () => {
  it.each([
    ['sent', { unsent: ['c'], unconfirmed: [] }],
    ['refused', { unsent: ['a', 'c'], unconfirmed: [] }],
    ['unconfirmed', { unsent: ['c'], unconfirmed: ['a'] }],
  ] as const)('awaits the request in flight, then sends one more and no other: %s', async (outcome, unsent) => {
    const link = new FakePostLink()
    const { send, finish, pass, result, told, clock } = benchOf(link)
    send('a', 'b', 'c')
    finish()
    expect(link.written).toEqual(['a'])
    await pass(1000)
    expect(result.unsent).toBeUndefined()
    link.answer(outcome)
    await pass(20)
    expect(link.written).toEqual(['a', 'b'])
    link.answer('sent')
    await pass(20)
    expect(result.unsent).toEqual(unsent)
    expect(told).toEqual([])
    expect(clock.pending).toBe(0)
  })

  it('awaits it for at most five seconds; then it is aborted and unconfirmed', async () => {
    const link = new FakePostLink()
    const { send, finish, pass, result, clock } = benchOf(link)
    send('a')
    finish()
    await pass(5000)
    expect(result).toMatchObject({ unsent: { unsent: [], unconfirmed: ['a'] }, at: 5000 })
    expect(link.posts[0]?.signal.aborted).toBe(true)
    await pass(0)
    expect(clock.pending).toBe(0)
  })
})

describe('finish() while the page is unloaded', () => {
  it('awaits nothing: the request in flight and one more outlive the page', async () => {
    const link = new FakePostLink()
    const { send, finish, result, pass, clock } = benchOf(link, true)
    send('a', 'b', 'c')
    finish()
    expect(link.posts.map(({ data, isLast }) => [data, isLast])).toEqual([
      ['a', true],
      ['b', true],
    ])
    for (const { settle } of link.posts) settle({ outcome: 'sent' })
    await pass(20)
    expect(result.unsent).toEqual({ unsent: ['c'], unconfirmed: [] })
    expect(clock.pending).toBe(0)
  })

  it('sends a POST though the stream is already lost', async () => {
    const link = new FakePostLink()
    const { sender, send, finish, pass } = benchOf(link, true)
    sender.detach()
    send('bye')
    finish()
    await pass(0)
    expect(link.posts.map(({ data, isLast }) => [data, isLast])).toEqual([['bye', true]])
  })

  it('sends no POST without a stream if the page stays', async () => {
    const link = new FakePostLink()
    const { sender, send, finish, pass, result } = benchOf(link)
    sender.detach()
    send('bye')
    finish()
    await pass(0)
    expect([link.posts, result.unsent]).toEqual([[], { unsent: ['bye'], unconfirmed: [] }])
  })
})
