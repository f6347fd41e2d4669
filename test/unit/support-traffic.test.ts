import { expect, it } from 'vitest'
import { makeTraffic, wholeReport } from '../support/traffic.ts'

const { message, tally } = makeTraffic()
const seed = 7

/** The report on these messages, of ten that were sent. */
function reportOf(numbers: readonly number[], mayRepeat: (index: number) => boolean = () => false) {
  const counted = tally(seed)
  for (const [index, n] of numbers.entries()) counted.take(message(seed, n), mayRepeat(index))
  return counted.report(10)
}

it('makes the same messages for the same seed, half of them bytes, of 1 B to 64 KiB', () => {
  const all = Array.from({ length: 5000 }, (_, index) => message(seed, index + 1))
  const sizes = all.map((data) => (typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength))
  const texts = all.filter((data) => typeof data === 'string')
  expect([Math.min(...sizes), Math.max(...sizes) > 60_000, Math.max(...sizes) <= 65_536]).toEqual([1, true, true])
  expect(texts.length / all.length).toBeCloseTo(0.5, 1)
  expect(texts.every((text) => text === new TextDecoder().decode(new TextEncoder().encode(text)))).toBe(true)
  expect(makeTraffic().message(seed, 77)).toEqual(all[76])
  expect(message(seed + 1, 77)).not.toEqual(all[76])
})

it('reports no fault if all messages arrive once and in order', () => {
  expect(reportOf([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])).toEqual(wholeReport(10))
})

it('counts lost, repeated, reordered and unknown messages separately', () => {
  expect(reportOf([1, 2, 3, 5, 6, 7, 8])).toMatchObject({ lost: 3, repeated: 0, outOfOrder: 0, taken: 7 })
  expect(reportOf([1, 2, 2, 3, 4, 5, 4, 6, 7, 8, 9, 10])).toMatchObject({ lost: 0, repeated: 2, outOfOrder: 0, taken: 10 })
  expect(reportOf([1, 2, 4, 3, 5, 6, 7, 8, 9, 10])).toMatchObject({ lost: 0, repeated: 0, outOfOrder: 1, taken: 10 })
  const counted = tally(seed)
  counted.take('nobody sent this')
  expect(counted.report(0)).toMatchObject({
    unknown: 1,
    faults: ['1 was due, and there came what nobody sent: 16 characters "nobody sent this"'],
  })
})

it('allows only the repetitions that were announced', () => {
  const numbers = [1, 2, 3, 4, 2, 3, 4, 5, 6, 7, 8, 9, 10]
  expect(reportOf(numbers, (index) => index >= 4 && index < 7)).toEqual(wholeReport(10))
  expect(reportOf(numbers, (index) => index === 4 || index === 5)).toMatchObject({ repeated: 1 })
})
