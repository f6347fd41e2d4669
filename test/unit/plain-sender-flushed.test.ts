import { describe, expect, it } from 'vitest'
import { FakePostLink, FakeSocketLink } from '../support/fake-link.ts'
import { outcomeOf, senderBench } from '../support/sender-bench.ts'

describe('flushed()', () => {
  it('resolves at once when nothing was sent', async () => {
    expect(await outcomeOf(senderBench().sender.flushed())).toBe('resolved')
  })

  it('waits for a connection, and for the socket buffer to drain', async () => {
    const { sender, send, clock } = senderBench()
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
    const { sender, send } = senderBench()
    const link = new FakePostLink()
    sender.attach(link)
    send('a')
    const flushed = sender.flushed()
    expect(await outcomeOf(flushed)).toBe('pending')
    link.answer('sent')
    expect(await outcomeOf(flushed)).toBe('resolved')
  })

  it('does not wait for an expired message', async () => {
    const { sender, send, clock } = senderBench({ ttlMs: 10 })
    send('a')
    const flushed = sender.flushed()
    clock.advance(10)
    sender.pump()
    expect(await outcomeOf(flushed)).toBe('resolved')
  })

  it('rejects if the sender ends before all was sent', async () => {
    const { sender, send } = senderBench()
    send('a')
    const flushed = sender.flushed()
    void sender.finish(() => {})
    expect(await outcomeOf(flushed)).toBe('rejected')
  })
})
