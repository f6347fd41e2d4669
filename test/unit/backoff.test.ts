import { describe, expect, it } from 'vitest'
import { type Backoff, backoff } from '../../src/connection/machine/backoff.ts'
import { diagnosisOf, findings } from '../support/machine-driver.ts'
import { seededRandom } from '../support/manual-host.ts'

const defaults: Backoff = { minDelayMs: 1000, maxDelayMs: 30_000, factor: 2, maxAttempts: Infinity }
const diagnosis = diagnosisOf(findings.refused, 'connect')
const almostOne = 1 - Number.EPSILON

function waitOf(attempt: number, outageMs: number, random: number, schedule: Partial<Backoff> = {}): number | null {
  return backoff({ ...defaults, ...schedule }, () => random)({ attempt, outageMs, diagnosis })
}

describe('the waits between attempts', () => {
  it.each([
    // attempt, outage so far, shortest, longest
    [1, 0, 0, 1000],
    [2, 1000, 1000, 2000],
    [3, 3000, 2000, 4000],
    [4, 7000, 2500, 5000],
    [9, 59_999, 2500, 5000],
    [9, 60_000, 15_000, 30_000],
    [6, 60_000, 15_000, 30_000],
    [5, 60_000, 8000, 16_000],
    [2000, 3_600_000, 15_000, 30_000],
  ])('retry %i after %i ms of outage waits from %i up to %i ms', (attempt, outageMs, shortest, longest) => {
    expect(waitOf(attempt, outageMs, 0)).toBe(shortest)
    expect(waitOf(attempt, outageMs, almostOne)).toBeCloseTo(longest, 5)
  })

  it('the first wait has its median at 500 ms', () => {
    expect(waitOf(1, 0, 0.5)).toBe(500)
    const random = seededRandom()
    const waits = Array.from({ length: 2001 }, () => backoff(defaults, random)({ attempt: 1, outageMs: 0, diagnosis }) ?? -1)
    const median = waits.sort((one, other) => one - other)[1000]
    expect(median).toBeGreaterThan(440)
    expect(median).toBeLessThan(560)
    expect(waits[0]).toBeGreaterThanOrEqual(0)
    expect(waits.at(-1)).toBeLessThan(1000)
  })

  it.each([
    ['maxDelayMs limits the first wait', 1, 0, { maxDelayMs: 200 }, 0, 200],
    ['maxDelayMs limits a later wait', 5, 0, { maxDelayMs: 200 }, 100, 200],
    ['minDelayMs sets the first wait', 1, 0, { minDelayMs: 100 }, 0, 100],
    ['with a minDelayMs of 0 the waits still grow', 11, 0, { minDelayMs: 0 }, 512, 1024],
    ['with a factor of 1 the wait does not grow', 3, 0, { factor: 1 }, 500, 1000],
    ['a minDelayMs above the cap of the first minute is limited to that cap', 2, 0, { minDelayMs: 8000 }, 2500, 5000],
  ])('%s', (_, attempt, outageMs, schedule, shortest, longest) => {
    expect(waitOf(attempt, outageMs, 0, schedule)).toBe(shortest)
    expect(waitOf(attempt, outageMs, almostOne, schedule)).toBeCloseTo(longest, 5)
  })

  it.each([
    // the time in ms over which the server spreads reconnects, attempt, shortest, longest, schedule
    [50, 1, 0, 50, {}],
    [50, 2, 1000, 2000, {}],
    [1500, 1, 0, 1500, {}],
    [2000, 2, 1800, 3600, {}],
    [2000, 3, 2500, 5000, {}],
    [20_000, 1, 0, 1800, {}],
    [20_000, 2, 1800, 3600, {}],
    [20_000, 4, 7200, 14_400, {}],
    [20_000, 5, 10_000, 20_000, {}],
    [200_000, 9, 15_000, 30_000, {}],
    [200_000, 1, 0, 800, { maxDelayMs: 800 }],
    [20_000, 9, 2500, 5000, { maxDelayMs: 5000 }],
  ])(
    '[SP18] if the server spreads reconnects over %i ms, retry %i waits from %i up to %i ms',
    (windowMs, attempt, shortest, longest, schedule) => {
      const wait = (random: number) =>
        backoff(
          { ...defaults, ...schedule },
          () => random,
          () => windowMs,
        )({ attempt, outageMs: 0, diagnosis })
      expect([wait(0), Math.round(wait(almostOne) ?? -1)]).toEqual([shortest, longest])
    },
  )

  it.each([
    [3, 3, 'waits'],
    [4, 3, 'gives up'],
    [1, 0, 'gives up'],
  ])('retry %i with a maxAttempts of %i %s', (attempt, maxAttempts, what) => {
    expect(waitOf(attempt, 0, 0.5, { maxAttempts }) === null).toBe(what === 'gives up')
  })
})
