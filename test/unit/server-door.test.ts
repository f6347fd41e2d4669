import { describe, expect, it } from 'vitest'
import { AttemptLedger } from '../../src/server/adapters/attempt-ledger.ts'
import { AddressLimit } from '../../src/server/adapters/origin.ts'
import { TokenBucket } from '../../src/server/adapters/token-bucket.ts'

function ledgerAt(now: () => number): AttemptLedger {
  return new AttemptLedger({ now, elapsedMs: now })
}

describe('[SP15] the ledger', () => {
  it('remembers attempts for a minute, and a bounded number of them', () => {
    let now = 0
    const ledger = ledgerAt(() => now)
    ledger.note('a', { sawRequest: true })
    now = 1000
    ledger.answered('a', 4401)
    expect(ledger.of('a')).toMatchObject({ sawRequest: true, verdict: 4401, answeredAt: 1000 })
    now = 60_000
    expect(ledger.of('a')).toMatchObject({ sawRequest: false, verdict: null })
    for (let n = 0; n < 20_000; n += 1) ledger.note(`attempt-${n}`, { sawRequest: true })
    expect([ledger.of('attempt-0').sawRequest, ledger.of('attempt-19999').sawRequest]).toEqual([false, true])
  })

  it('does not evict an attempt that sent a hello for attempts that did not', () => {
    const ledger = ledgerAt(() => 0)
    ledger.note('mine', { sawRequest: true })
    ledger.broughtHello('mine')
    for (let n = 0; n < 50_000; n += 1) ledger.note(`flood-${n}`, { sawRequest: true })
    expect(ledger.of('mine').sawRequest).toBe(true)
  })

  it('does not evict the attempts of other clients for a client that makes many', () => {
    const ledger = ledgerAt(() => 0)
    const note = (attempt: string, client: string) => {
      ledger.note(attempt, { sawRequest: true }, client)
      ledger.broughtHello(attempt)
    }
    for (let n = 0; n < 500; n += 1) note(`mine-${n}`, `address ${n}`)
    for (let n = 0; n < 50_000; n += 1) note(`flood-${n}`, 'flood')
    for (let n = 0; n < 500; n += 1) expect(ledger.of(`mine-${n}`).sawRequest).toBe(true)
    expect(ledger.of('flood-49999').sawRequest).toBe(true)
    expect(ledger.of('flood-0').sawRequest).toBe(false)
  })

  it('is bounded, however many clients there are', () => {
    const ledger = ledgerAt(() => 0)
    for (let n = 0; n < 50_000; n += 1) {
      ledger.note(`attempt-${n}`, { sawRequest: true }, `address ${n}`)
      ledger.broughtHello(`attempt-${n}`)
    }
    const seen = Array.from({ length: 50_000 }, (_, n) => ledger.of(`attempt-${n}`).sawRequest)
    expect(seen.filter(Boolean).length).toBeLessThanOrEqual(10_000)
    expect(seen.at(-1)).toBe(true)
  })

  it('is incomplete for a minute after it discarded an entry, and then complete again', () => {
    let now = 0
    const ledger = ledgerAt(() => now)
    for (let n = 0; n < 1000; n += 1) ledger.note(`attempt-${n}`, {})
    expect(ledger.isComplete).toBe(true)
    for (let n = 0; n < 10_050; n += 1) ledger.note(`flood-${n}`, {})
    expect(ledger.isComplete).toBe(false)
    now = 59_999
    expect(ledger.isComplete).toBe(false)
    now = 60_000
    expect(ledger.isComplete).toBe(true)
    for (let n = 0; n < 1000; n += 1) ledger.note(`later-${n}`, {})
    expect(ledger.isComplete).toBe(true)
  })

  it.each(['', 'x'.repeat(65), '<script>', 'a b'])('does not accept %j as the name of an attempt', (text) => {
    expect(AttemptLedger.attemptOf(new URLSearchParams({ attempt: text }), 'attempt')).toBeNull()
  })
})

describe('[SP13] addresses', () => {
  it('are limited separately, and have their full allowance again after a pause', () => {
    const limit = new AddressLimit(1)
    const taken = (address: string | undefined, now: number, times: number) =>
      Array.from({ length: times }, () => limit.take(address, now)).filter(Boolean).length
    expect([taken('a', 0, 9), taken('b', 0, 9), taken(undefined, 0, 9)]).toEqual([5, 5, 9])
    expect(taken('a', 2000, 9)).toBe(2)
    for (let n = 0; n < 5000; n += 1) limit.take(`address ${n}`, n * 10_000)
    expect(taken('a', 50_000_000, 9)).toBe(5)
  })
})

describe('a TokenBucket', () => {
  it('never runs out at a rate of Infinity', () => {
    const bucket = new TokenBucket(Infinity, Infinity, 0)
    for (let n = 0; n < 100; n += 1) expect(bucket.take(0)).toBe(true)
    expect(bucket.isFull(0)).toBe(true)
  })

  it('refills after the clock is set back', () => {
    const bucket = new TokenBucket(10, 10, 1_000_000)
    for (let n = 0; n < 10; n += 1) expect(bucket.take(1_000_000)).toBe(true)
    expect(bucket.take(0)).toBe(false)
    expect(bucket.take(1000)).toBe(true)
  })
})
