import { describe, expect, it } from 'vitest'
import { Admission } from '../../src/server/node/admission.ts'
import { seeded, seedOf } from '../support/seeded.ts'

const seed = seedOf(process.env)
const limits = { perSecond: 500, maxWaitMs: 30_000, maxPlaces: 100_000 }

function admissionOf(changes: Partial<typeof limits> = {}, random = seeded(seed)): Admission {
  return new Admission({ ...limits, ...changes }, random)
}

/** Clients that arrive at these times and, if refused, return after their wait: when each is admitted, and its refusals. */
function herd(admission: Admission, arrivals: readonly number[]) {
  const due = arrivals.map((at, client) => ({ at, client })).sort(byTime)
  const refusals = arrivals.map(() => 0)
  const admittedAt: number[] = []
  for (let next = due.shift(); next; next = due.shift()) {
    const { at, client } = next
    const waitMs = admission.admit(`client ${client}`, at)
    if (waitMs === 0) {
      admittedAt.push(at)
      continue
    }
    refusals[client] = (refusals[client] ?? 0) + 1
    // A timer may fire late, but never early.
    const again = { at: at + waitMs + (client % 7), client }
    const index = due.findLastIndex((each) => byTime(each, again) <= 0)
    due.splice(index + 1, 0, again)
  }
  return { refusals, admittedAt }
}

function byTime(one: { readonly at: number }, other: { readonly at: number }): number {
  return one.at - other.at
}

function maxInASecond(times: readonly number[]): number {
  const sorted = [...times].sort((one, other) => one - other)
  let from = 0
  return Math.max(
    ...sorted.map((at, index) => {
      while ((sorted[from] ?? at) <= at - 1000) from += 1
      return index - from + 1
    }),
  )
}

describe(`[SP18] admission (SEED=${seed})`, () => {
  it('refuses no client while arrivals stay below the rate', () => {
    const { refusals } = herd(
      admissionOf(),
      Array.from({ length: 5000 }, (_, client) => client * 2.1),
    )
    expect(Math.max(...refusals)).toBe(0)
  })

  it('admits 1,000 clients that arrive within their retry window without a refusal', () => {
    const random = seeded(seed)
    const { refusals } = herd(
      admissionOf(),
      Array.from({ length: 1000 }, () => random() * 1800),
    )
    expect(Math.max(...refusals)).toBe(0)
  })

  it('refuses each of 6,000 clients that arrive within a second at most once, and admits them at the rate', () => {
    const random = seeded(seed)
    const { refusals, admittedAt } = herd(
      admissionOf(),
      Array.from({ length: 6000 }, () => random() * 1000),
    )
    expect(Math.max(...refusals)).toBe(1)
    expect(Math.max(...admittedAt)).toBeLessThan(12_000)
    expect(maxInASecond(admittedAt.filter((at) => at > 2000))).toBeLessThanOrEqual(520)
  })

  it('reserves the place of a refused client against clients that arrive later', () => {
    const admission = admissionOf({ perSecond: 10 })
    for (let n = 0; n < 20; n += 1) expect(admission.admit(`early ${n}`, 0)).toBe(0)
    const waitMs = admission.admit('late', 0)
    expect(waitMs).toBeGreaterThan(0)
    for (let n = 0; n < 50; n += 1) expect(admission.admit(`other ${n}`, 1)).toBeGreaterThan(waitMs)
    expect(admission.admit('late', waitMs)).toBe(0)
  })

  it('tells a client that returns too early the rest of its wait, and reserves no second place', () => {
    const admission = admissionOf({ perSecond: 1 })
    for (const session of ['a', 'b']) admission.admit(session, 0)
    const waitMs = admission.admit('c', 0)
    expect(admission.admit('c', 300)).toBe(waitMs - 300)
    expect(admission.admit('d', 300)).toBe(waitMs + 1000 - 300)
    expect(admission.admit('c', waitMs)).toBe(0)
    // The place has been used: the next one is at the end of the queue again.
    expect(admission.admit('c', waitMs + 1)).toBeGreaterThan(0)
  })

  it('tells no client to wait for longer than maxWaitMs, however many arrive', () => {
    const admission = admissionOf({ perSecond: 10, maxWaitMs: 5000 })
    const waits = Array.from({ length: 2000 }, (_, n) => admission.admit(`s${n}`, 0))
    expect(Math.max(...waits)).toBeLessThanOrEqual(5000)
    const inOrder = waits
      .map((waitMs, n) => ({ waitMs, n }))
      .filter(({ waitMs }) => waitMs > 0)
      .sort((a, b) => a.waitMs - b.waitMs)
    expect(inOrder.every(({ waitMs, n }) => admission.admit(`s${n}`, waitMs) === 0)).toBe(true)
  })

  it('reserves at most maxPlaces places, and admits a client that returns long after its place', () => {
    const admission = admissionOf({ perSecond: 1, maxPlaces: 3 })
    const told = Array.from({ length: 10 }, (_, n) => admission.admit(`s${n}`, 0))
    expect(told).toEqual([0, 0, 1000, 2000, 3000, 4000, 4000, 4000, 4000, 4000])
    for (const [session, at] of [
      ['s2', 1000],
      ['s3', 2000],
      ['s4', 3000],
    ] as const)
      expect(admission.admit(session, at)).toBe(0)
    // The clients without a reserved place are admitted or get one, now that three places are free.
    expect(['s5', 's6', 's7'].map((session) => admission.admit(session, 4000))).toEqual([0, 1000, 2000])
    expect(admission.admit('s6', 20_000)).toBe(0)
  })
})
