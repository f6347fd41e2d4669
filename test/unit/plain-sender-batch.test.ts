import { describe, expect, it } from 'vitest'
import type { Delivery } from '../../src/api/transport.ts'
import { FakePostLink } from '../support/fake-link.ts'
import { promised } from '../support/manual-host.ts'
import { senderBench } from '../support/sender-bench.ts'

/** A link whose server takes several texts in one request. */
class FakeLinesLink extends FakePostLink {
  writeLines(lines: readonly string[], signal: AbortSignal, isLast = false): Promise<Delivery> {
    return this.write(lines.join('|'), signal, isLast)
  }
}

describe('texts that are queued while a request is in flight', () => {
  it('are sent together in the next one, in order', async () => {
    const { sender, send } = senderBench()
    const link = new FakeLinesLink()
    sender.attach(link)
    send('a', 'b', 'c')
    expect(link.written).toEqual(['a'])
    link.answer('sent')
    await promised()
    expect(link.written).toEqual(['a', 'b|c'])
  })

  it('are sent in a request each if the link does not support batches', async () => {
    const { sender, send } = senderBench()
    const link = new FakePostLink()
    sender.attach(link)
    send('a', 'b', 'c')
    link.answer('sent')
    await promised()
    expect(link.written).toEqual(['a', 'b'])
  })

  it('are sent in batches of at most 256 KiB; a longer text is sent alone', async () => {
    const { sender, send } = senderBench()
    const link = new FakeLinesLink()
    sender.attach(link)
    const half = 'x'.repeat(2 ** 17)
    send('a', half, half, half.repeat(3), 'b')
    for (let n = 0; n < 4; n += 1) {
      link.answer('sent')
      await promised()
    }
    expect(link.written.map((data) => String(data).length)).toEqual([1, 2 ** 17, 2 ** 17, 3 * 2 ** 17, 1])
  })

  it('are not batched with binary data or with texts that have a line break, and keep their order', async () => {
    const { sender, send } = senderBench()
    const link = new FakeLinesLink()
    const bytes = new ArrayBuffer(2)
    sender.attach(link)
    send('a', 'b', 'c\nd', 'e')
    sender.send('bytes', bytes)
    send('f', 'g\rh')
    for (let n = 0; n < 6; n += 1) {
      link.answer('sent')
      await promised()
    }
    expect(link.written).toEqual(['a', 'b', 'c\nd', 'e', bytes, 'f', 'g\rh'])
  })

  it.each(['refused', 'unconfirmed'] as const)('share the outcome of their request: %s', async (outcome) => {
    const { sender, send, lost } = senderBench()
    const link = new FakeLinesLink()
    sender.attach(link)
    send('a', 'b', 'c')
    link.answer('sent')
    await promised()
    link.answer(outcome)
    await promised()
    expect(lost).toMatchObject([{ [outcome === 'refused' ? 'undelivered' : 'unconfirmed']: ['b', 'c'] }])
    send('d')
    expect(link.written.at(-1)).toBe('d')
  })

  it('are flushed when their request is answered', async () => {
    const { sender, send } = senderBench()
    const link = new FakeLinesLink()
    sender.attach(link)
    send('a', 'b', 'c')
    let isFlushed = false
    void sender.flushed().then(() => {
      isFlushed = true
    })
    link.answer('sent')
    await promised()
    expect(isFlushed).toBe(false)
    link.answer('sent')
    await promised()
    expect(isFlushed).toBe(true)
  })
})

describe('the last request of a closed client', () => {
  it('has as many texts as a keepalive request may have, and the rest is unsent', async () => {
    const { sender, send } = senderBench()
    const link = new FakeLinesLink()
    sender.attach(link)
    const third = 'x'.repeat(30_000)
    send('a', third, third, third)
    const closing = sender.finish(() => {})
    link.answer('sent')
    await promised()
    expect(link.written.slice(1)).toEqual([`${third}|${third}`])
    link.answer('sent')
    expect(await closing).toEqual({ unsent: [third], unconfirmed: [] })
  })

  it('is not made for a text that exceeds the limit of a keepalive request', async () => {
    const { sender, send } = senderBench()
    const link = new FakeLinesLink()
    sender.attach(link)
    const large = 'x'.repeat(70_000)
    send('a', large, 'b')
    const closing = sender.finish(() => {})
    link.answer('sent')
    expect(await closing).toEqual({ unsent: [large, 'b'], unconfirmed: [] })
    expect(link.posts).toHaveLength(1)
  })
})
