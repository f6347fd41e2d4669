import { describe, expect, it } from 'vitest'
import type { OutboxBounds } from '../../src/api/message-sender.ts'
import { type Entry, Outbox } from '../../src/sending/outbox.ts'

const limits: OutboxBounds = { maxMessages: 3, maxBytes: 100, overflow: 'reject' }
const entry = (n: number, bytes = 1, expiresAt = Infinity): Entry<number> => ({ value: n, data: '', bytes, n, expiresAt })
const numbersOf = (entries: readonly Entry<number>[]) => entries.map(({ n }) => n)

function filled(more: Partial<OutboxBounds> = {}, entries = [entry(1), entry(2), entry(3)]): Outbox<number> {
  const outbox = new Outbox<number>({ ...limits, ...more })
  for (const each of entries) outbox.push(each)
  return outbox
}

describe('the outbox', () => {
  it('keeps the order, and counts its messages and bytes', () => {
    const outbox = filled()
    expect([outbox.length, outbox.bytes, outbox.first?.n]).toEqual([3, 3, 1])
    expect([outbox.shift(), outbox.shift(), outbox.shift(), outbox.shift()].map((each) => each?.n)).toEqual([1, 2, 3, undefined])
    expect([outbox.length, outbox.bytes, outbox.first]).toEqual([0, 0, undefined])
  })

  it('throws a RangeError that names the option if it has maxMessages', () => {
    expect(() => filled().push(entry(4))).toThrow(RangeError)
    expect(() => filled().push(entry(4))).toThrow(/3 messages, 3 bytes .*outbox\.maxMessages/)
  })

  it('throws a RangeError if it would exceed maxBytes', () => {
    const outbox = filled({}, [entry(1, 60)])
    expect(outbox.push(entry(2, 40))).toEqual([])
    expect(() => outbox.push(entry(3, 1))).toThrow(RangeError)
  })

  it.each(['reject', 'drop-oldest', 'drop-newest'] as const)('throws with %s for a message over maxBytes', (overflow) => {
    const outbox = filled({ overflow })
    expect(() => outbox.push(entry(4, 101))).toThrow(/101 bytes; the outbox holds 100 .*outbox\.maxBytes/)
    expect(numbersOf(outbox.drain())).toEqual([1, 2, 3])
  })

  it('drops and returns the oldest messages with drop-oldest', () => {
    const outbox = filled({ overflow: 'drop-oldest' })
    expect(numbersOf(outbox.push(entry(4)))).toEqual([1])
    expect(numbersOf(outbox.push(entry(5, 99)))).toEqual([2, 3])
    expect(numbersOf(outbox.drain())).toEqual([4, 5])
  })

  it('drops and returns the newest message with drop-newest', () => {
    const outbox = filled({ overflow: 'drop-newest' })
    expect(numbersOf(outbox.push(entry(4)))).toEqual([4])
    expect(numbersOf(outbox.drain())).toEqual([1, 2, 3])
  })

  it('drops or refuses every message if maxMessages is 0', () => {
    expect(numbersOf(filled({ maxMessages: 0, overflow: 'drop-newest' }, []).push(entry(1)))).toEqual([1])
    expect(() => filled({ maxMessages: 0 }, []).push(entry(1))).toThrow(RangeError)
  })

  it('returns the expired messages, and no others', () => {
    const outbox = filled({}, [entry(1, 1, 10), entry(2, 1, 10), entry(3, 1, 11)])
    expect(outbox.expire(9)).toEqual([])
    expect(numbersOf(outbox.expire(10))).toEqual([1, 2])
    expect(outbox.length).toBe(1)
  })

  it('keeps its order and counts, however often it is filled and emptied', () => {
    const outbox = new Outbox<number>({ maxMessages: 1000, maxBytes: 1000, overflow: 'reject' })
    const seen: number[] = []
    let n = 0
    for (let round = 0; round < 50; round += 1) {
      for (let times = 0; times < 17; times += 1) {
        n += 1
        outbox.push(entry(n))
      }
      for (let times = 0; times < 13; times += 1) seen.push(outbox.shift()?.n ?? -1)
    }
    expect([outbox.length, outbox.bytes]).toEqual([200, 200])
    seen.push(...numbersOf(outbox.drain()))
    expect(seen).toEqual(Array.from({ length: n }, (_, index) => index + 1))
  })

  it('removes 100,000 messages one by one in less than 500 ms', () => {
    const outbox = new Outbox<number>({ maxMessages: 1e6, maxBytes: 1e9, overflow: 'reject' })
    for (let n = 1; n <= 100_000; n += 1) outbox.push(entry(n))
    const since = performance.now()
    while (outbox.shift());
    expect(performance.now() - since).toBeLessThan(500)
  })
})
