import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OutboxBounds } from '../../src/api/message-sender.ts'
import { type Entry, Outbox } from '../../src/sending/outbox.ts'
import type { Numbered } from '../../src/session/frames.ts'
import { Unacknowledged } from '../../src/session/unacknowledged.ts'
import { seedOf } from '../support/seeded.ts'

const seed = seedOf(process.env)
/** A message counts as its own bytes only, for round numbers. */
const ownBytes = (_: unknown, bytes: number) => bytes
const limits: OutboxBounds = { maxMessages: 100, maxBytes: 1000, overflow: 'reject' }

function bench(more: Partial<OutboxBounds> = {}) {
  const outbox = new Outbox<string>({ ...limits, ...more })
  const sent = new Unacknowledged(outbox)
  let order = 0
  return {
    outbox,
    sent,
    push(...texts: readonly string[]): string[] {
      return texts.flatMap((text) => {
        order += 1
        const entry: Entry<string> = { value: text, data: text, bytes: text.length, n: order, expiresAt: Infinity }
        return outbox.push(entry).map(({ value }) => value)
      })
    },
  }
}

const written = (batch: readonly Numbered[]) => batch.map(({ n, data }) => `${n}:${data === null ? '-' : data}`)
const values = (entries: readonly Entry<string>[]) => entries.map(({ value }) => value)

describe('numbers', () => {
  it('[SP2] are assigned when a message is written, without a gap, and are never reused', () => {
    const { sent, push } = bench()
    push('a', 'b')
    expect([sent.first, sent.last, sent.isUnderWay]).toEqual([1, 0, false])
    expect(written(sent.next(Infinity, ownBytes))).toEqual(['1:a', '2:b'])
    expect([sent.first, sent.last, sent.isUnderWay, sent.bytesUnderWay, sent.lastBytes]).toEqual([1, 2, true, 2, 2])
    sent.settle(2)
    push('c')
    expect(written(sent.next(Infinity, ownBytes))).toEqual(['3:c'])
    expect([sent.first, sent.last]).toEqual([3, 3])
  })

  it('[SP10] protect messages from the overflow policy, which drops only messages without one', () => {
    const { sent, push } = bench({ maxMessages: 3, overflow: 'drop-oldest' })
    push('a', 'b')
    sent.next(1, ownBytes)
    expect(push('c', 'd')).toEqual(['b'])
    expect(written(sent.next(Infinity, ownBytes))).toEqual(['2:c', '3:d'])
    // Only the new message itself may be dropped.
    expect(push('e')).toEqual(['e'])
    sent.settle(1)
    expect(push('f')).toEqual([])
  })
})

describe('writing', () => {
  it('takes messages up to a number of bytes, and at least one', () => {
    const { sent, push } = bench()
    push('aaaa', 'bbbb', 'cccccccccccc', 'd')
    expect(written(sent.next(8, ownBytes))).toEqual(['1:aaaa', '2:bbbb'])
    expect(written(sent.next(8, ownBytes))).toEqual(['3:cccccccccccc'])
    expect(written(sent.next(8, ownBytes))).toEqual(['4:d'])
    expect([written(sent.next(8, ownBytes)), sent.lastBytes, sent.bytesUnderWay]).toEqual([[], 0, 21])
  })

  it('[SP2] after a loss begins above what was taken, in order, before new messages', () => {
    const { sent, push } = bench()
    push('a', 'b', 'c', 'd')
    sent.next(3, ownBytes)
    sent.settle(1)
    sent.rewind(2)
    // What was taken is no longer in flight, though it is not settled.
    expect([sent.bytesUnderWay, sent.isUnderWay]).toEqual([0, true])
    push('e')
    expect(written(sent.next(Infinity, ownBytes))).toEqual(['3:c', '4:d', '5:e'])
    expect(sent.bytesUnderWay).toBe(3)
    sent.rewind(0)
    expect([sent.bytesUnderWay, sent.isUnderWay]).toEqual([0, false])
    expect(written(sent.next(Infinity, ownBytes))).toEqual(['2:b', '3:c', '4:d', '5:e'])
  })

  it('ignores numbers that the server names beyond the last one', () => {
    const { sent, push } = bench()
    push('a')
    sent.next(Infinity, ownBytes)
    sent.rewind(900)
    push('b')
    expect(written(sent.next(Infinity, ownBytes))).toEqual(['2:b'])
    sent.settle(900)
    push('c')
    expect([sent.first, written(sent.next(Infinity, ownBytes))]).toEqual([3, ['3:c']])
  })

  it('waits for a Blob to be read, and so do the messages behind it', () => {
    const { sent, outbox, push } = bench()
    const blob: Entry<string> = { value: 'blob', data: new Blob(['x']), bytes: 1, n: 9, expiresAt: Infinity }
    push('a')
    outbox.push(blob)
    push('b')
    expect(written(sent.next(Infinity, ownBytes))).toEqual(['1:a'])
    expect(sent.next(Infinity, ownBytes)).toEqual([])
    blob.data = new ArrayBuffer(1)
    expect(sent.next(Infinity, ownBytes).map(({ n }) => n)).toEqual([2, 3])
  })
})

describe('withdrawing', () => {
  it('[SP10] keeps the number, returns its message once, and is written in its place', () => {
    const { sent, push } = bench()
    push('a', 'b', 'c')
    sent.next(Infinity, ownBytes)
    expect(values(sent.withdraw(2, 2))).toEqual(['b'])
    expect(values(sent.withdraw(2, 3))).toEqual(['c'])
    expect(values(sent.entries)).toEqual(['a'])
    sent.rewind(0)
    expect(written(sent.next(Infinity, ownBytes))).toEqual(['1:a', '2:-', '3:-'])
    expect(values(sent.drain())).toEqual(['a'])
  })

  it('returns nothing for settled numbers, and every message for a range of all numbers', () => {
    const { sent, push } = bench()
    push('a', 'b', 'c', 'd', 'e')
    sent.next(Infinity, ownBytes)
    sent.settle(3)
    expect(values(sent.withdraw(1, 2))).toEqual([])
    expect(values(sent.withdraw(sent.first, Infinity))).toEqual(['d', 'e'])
  })
})

describe('bounds', () => {
  it('[SP11] count queued and unacknowledged messages together', () => {
    const { sent, push } = bench({ maxMessages: 3, maxBytes: 10 })
    push('aaaa', 'bbbb')
    sent.next(4, ownBytes)
    expect(() => push('ccc')).toThrow(/2 messages, 8 bytes/)
    push('cc')
    expect(() => push('')).toThrow(/3 messages, 10 bytes/)
    sent.settle(1)
    push('dddd')
    expect(() => push('')).toThrow(/3 messages, 10 bytes/)
    sent.next(Infinity, ownBytes)
    sent.drain()
    push('0123456789')
  })

  it('do not count a removed message, and removing one that is not queued changes nothing', () => {
    const { outbox, sent, push } = bench({ maxMessages: 2 })
    push('a', 'bb')
    const [first] = [outbox.first]
    if (!first) throw new Error('It waits.')
    outbox.remove(first)
    outbox.remove(first)
    expect([outbox.length, outbox.bytes, outbox.first?.value]).toEqual([1, 2, 'bb'])
    push('c')
    sent.next(Infinity, ownBytes)
    outbox.remove(first)
    expect(() => push('d')).toThrow(RangeError)
    expect(outbox.hold()).toBeUndefined()
  })
})

describe('against a naive model', () => {
  type Step =
    | { readonly do: 'push'; readonly size: number }
    | { readonly do: 'next'; readonly most: number }
    | { readonly do: 'settle' | 'back' | 'withdraw'; readonly n: number }
    | { readonly do: 'remove'; readonly index: number }
    | { readonly do: 'drain' }
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant('push' as const), size: fc.nat(12) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('next' as const), most: fc.nat(30) }) },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constantFrom('settle' as const, 'back' as const, 'withdraw' as const), n: fc.nat(60) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), index: fc.nat(5) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('drain' as const) }) },
  )
  const overflow = fc.constantFrom('reject' as const, 'drop-oldest' as const, 'drop-newest' as const)

  /** A message in the model, with its number and its state. */
  interface Known {
    readonly entry: Entry<string>
    n: number | null
    isWithdrawn: boolean
  }

  it('[SP2] any order of pushing, writing, losing, settling and withdrawing agrees with it', () => {
    const run = fc.property(overflow, fc.array(step, { maxLength: 80 }), (how, steps) => {
      const bounds = { maxMessages: 8, maxBytes: 60, overflow: how }
      const outbox = new Outbox<string>(bounds)
      const sent = new Unacknowledged(outbox)
      /** In order; what is settled, dropped or removed is gone. */
      let all: Known[] = []
      let lastN = 0
      let through = 0
      let order = 0
      let arrived = 0
      const kept = () => all.filter(({ n }) => n !== null)
      const waiting = () => all.filter(({ n }) => n === null)
      const bytesOf = (known: readonly Known[]) => known.reduce((sum, { entry }) => sum + entry.bytes, 0)
      const firstN = () => kept()[0]?.n ?? lastN + 1
      for (const each of steps) {
        if (each.do === 'push') {
          order += 1
          const text = `${order}`.padEnd(each.size, '.').slice(0, each.size)
          const entry = { value: `${order}`, data: text, bytes: text.length, n: order, expiresAt: Infinity }
          const isFull = () => all.length + 1 > bounds.maxMessages || bytesOf(all) + entry.bytes > bounds.maxBytes
          if (isFull() && how === 'reject') expect(() => outbox.push(entry)).toThrow(RangeError)
          else {
            const gone: string[] = []
            while (how === 'drop-oldest' && isFull() && waiting().length) {
              const [oldest] = waiting()
              all = all.filter((known) => known !== oldest)
              if (oldest) gone.push(oldest.entry.value)
            }
            if (isFull()) gone.push(entry.value)
            else all.push({ entry, n: null, isWithdrawn: false })
            expect(values(outbox.push(entry))).toEqual(gone)
          }
        } else if (each.do === 'next') {
          const expected: string[] = []
          let bytes = 0
          for (const known of all) {
            if (known.n !== null && known.n <= through) continue
            if (expected.length && bytes + known.entry.bytes > each.most) break
            if (known.n === null) {
              lastN += 1
              known.n = lastN
            }
            through = known.n
            bytes += known.entry.bytes
            expected.push(`${known.n}:${known.isWithdrawn ? '-' : known.entry.data}`)
          }
          expect(written(sent.next(each.most, ownBytes))).toEqual(expected)
          expect(sent.lastBytes).toBe(bytes)
        } else if (each.do === 'settle') {
          sent.settle(each.n)
          all = all.filter(({ n }) => n === null || n > each.n)
          through = Math.max(through, firstN() - 1)
        } else if (each.do === 'back') {
          sent.rewind(each.n)
          through = Math.max(firstN() - 1, Math.min(each.n, lastN))
          arrived = through
        } else if (each.do === 'withdraw') {
          const found = kept().filter(({ n, isWithdrawn }) => n === each.n && !isWithdrawn)
          expect(values(sent.withdraw(each.n, each.n))).toEqual(found.map(({ entry }) => entry.value))
          for (const known of found) known.isWithdrawn = true
        } else if (each.do === 'remove') {
          const found = waiting()[each.index]
          if (!found) continue
          outbox.remove(found.entry)
          all = all.filter((known) => known !== found)
        } else {
          expect(values(sent.drain())).toEqual(kept().flatMap(({ entry, isWithdrawn }) => (isWithdrawn ? [] : [entry.value])))
          all = waiting()
          through = lastN
        }
        const underWay = kept().filter(({ n }) => n !== null && n <= through)
        expect([sent.first, sent.last]).toEqual([firstN(), lastN])
        const arriving = underWay.filter(({ n }) => n !== null && n > arrived)
        expect([sent.isUnderWay, sent.bytesUnderWay]).toEqual([underWay.length > 0, bytesOf(arriving)])
        expect(sent.oldest?.value).toBe(kept()[0]?.entry.value)
        expect([outbox.length, outbox.bytes]).toEqual([waiting().length, bytesOf(waiting())])
      }
    })
    fc.assert(run, { seed, numRuns: 2000 })
  })
})
