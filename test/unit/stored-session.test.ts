import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { numberedData } from '../../src/session/snapshot.ts'
import {
  isSameSession,
  lostNumbers,
  maxStoredChars,
  maxStoredPayloadChars,
  readStored,
  type StoredSession,
  storedText,
} from '../../src/session/stored-session.ts'
import { seedOf } from '../support/seeded.ts'

const seed = seedOf(process.env)
const stored: StoredSession = {
  storedAt: 5000,
  windowMs: 1000,
  sent: 4,
  snapshot: {
    id: 'a',
    k: 3,
    turn: 2,
    streams: [{ stream: 0, epoch: 'e1', topic: '', offset: 7 }],
    stores: ['s1'],
    first: 2,
    last: 3,
    before: 0,
    messages: [
      { n: 2, data: 'line\nline' },
      { n: 3, data: new Uint8Array([0, 255]).buffer },
    ],
  },
}
const text = storedText(stored) ?? ''
const withMessages = (...data: readonly string[]) =>
  storedText({ ...stored, snapshot: { ...stored.snapshot, messages: data.map((each, index) => ({ n: 2 + index, data: each })) } })

describe('a stored session', () => {
  it('is read as it was stored, bytes included', () => {
    expect(readStored(text, 5500)).toEqual(stored)
  })

  it.each([
    ['at the end of its window', 6000, true],
    ['after its window', 6001, false],
    ['with a clock that was set back by one window', 4000, true],
    ['with a clock that was set back by more', 3999, false],
  ])('is read %s (at %i: %s)', (_name, now, isThere) => {
    expect(readStored(text, now) !== null).toBe(isThere)
  })

  it('is the same session whenever it was stored, but not with another turn', () => {
    expect(isSameSession(text, storedText({ ...stored, storedAt: 9 }))).toBe(true)
    expect(isSameSession(text, storedText({ ...stored, snapshot: { ...stored.snapshot, turn: 3 } }))).toBe(false)
    expect(isSameSession(text, null)).toBe(false)
  })

  it('names the lost numbers: those whose messages are not stored, but none that were only reserved', () => {
    const lost = (sent: number, last: number) => {
      const session = { ...stored, sent, snapshot: { ...stored.snapshot, last, messages: [{ n: 3, data: 'x' }] } }
      return lostNumbers(session, numberedData(session.snapshot, 0))
    }
    expect([lost(4, 3), lost(4, 70), lost(2, 70), lost(1, 3)]).toEqual([[2, 4], [2, 4], [2], []])
  })

  it('is bounded: null if its topics are too long, and otherwise only the oldest messages that fit', () => {
    const streams = Array.from({ length: 1000 }, (_, stream) => ({ stream, epoch: 'e', topic: 'x'.repeat(100), offset: 0 }))
    expect(storedText({ ...stored, snapshot: { ...stored.snapshot, streams } })).toBeNull()
    const large = withMessages('a', 'b'.repeat(maxStoredPayloadChars), 'c') ?? ''
    expect(readStored(large, 5000)?.snapshot.messages).toEqual([{ n: 2, data: 'a' }])
    expect((withMessages('"'.repeat(maxStoredPayloadChars / 2 - 2)) ?? '').length).toBeLessThan(
      maxStoredChars + maxStoredPayloadChars,
    )
  })

  it('from untrusted text is read or refused, and never throws', () => {
    const [head = '', body = ''] = text.split('\n')
    const like = fc
      .record({ at: fc.nat(body.length), cut: fc.nat(9), put: fc.string({ maxLength: 4 }) })
      .map(({ at, cut, put }) => `${head}\n${body.slice(0, at)}${put}${body.slice(at + cut)}`)
    const json = fc.json().map((each) => `5000 1000 3\n${each}`)
    fc.assert(
      fc.property(fc.oneof(fc.string(), json, like), (any) => {
        const read = readStored(any, 5000)
        if (!read) return
        const data = numberedData(read.snapshot, 5000)
        expect(lostNumbers(read, data).length).toBeLessThanOrEqual(100_000)
      }),
      { seed, numRuns: 3000 },
    )
  })
})
