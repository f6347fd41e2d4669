import { describe, expect, it } from 'vitest'
import {
  allFailed,
  atRank,
  ended,
  hasAlternative,
  isHopeless,
  type Life,
  opened,
  plan,
  proven,
  type Ranking,
  type Refusal,
  rankingOf,
  reconsidered,
  recovered,
  refused,
  rest,
  transportToRemember,
  withheld,
} from '../../src/connection/machine/transport-ranking.ts'

const second = 1000
const minute = 60 * second
const hour = 60 * minute

const fresh = rankingOf(4, null)
const shortLives = (ranking: Ranking, rank: number, times: number): Ranking =>
  times ? shortLives(ended(ranking, rank, 'short'), rank, times - 1) : ranking
const refusals = (ranking: Ranking, rank: number, how: Refusal, times: number): Ranking =>
  times ? refusals(refused(ranking, rank, how, 0), rank, how, times - 1) : ranking
const restUntil = (ranking: Ranking, rank: number) => atRank(ranking.records, rank).restUntil

describe('a transport that the server does not offer', () => {
  const absent = [1, 2, 3].reduce((ranking, rank) => refused(ranking, rank, 'absent', 0), fresh)

  it('is tried again after a transport opened that was refused as well: a captive portal may have answered', () => {
    expect(plan(opened(refused(absent, 0, 'mute', 0), 0), 0)).toEqual([0, 1, 2, 3])
    expect(plan(opened(refused(absent, 0, 'absent', 0), 0), 0)).toEqual([0, 1, 2, 3])
  })

  it('is left out while nothing contradicts that, and one that the browser lacks for ever', () => {
    expect(plan(opened(absent, 0), 0)).toEqual([0])
    const unsupported = refused(refused(absent, 0, 'mute', 0), 2, 'unsupported', 0)
    expect(plan(opened(unsupported, 0), 0)).toEqual([0, 1, 3])
  })
})

describe('the plan of a round', () => {
  it.each<[string, Ranking, number, number[]]>([
    ['has all transports in order when nothing is known', fresh, 0, [0, 1, 2, 3]],
    ['is not changed by a proven transport', proven(fresh, 1, 0), 0, [0, 1, 2, 3]],
    ['has resting transports last', rest(fresh, [0, 1], 0), second, [2, 3, 0, 1]],
    ['has them in order again after their rest', rest(fresh, [0, 1], 0), 30 * second, [0, 1, 2, 3]],
    ['is not changed by one short life', shortLives(fresh, 0, 1), 0, [0, 1, 2, 3]],
    ['has a transport last that broke twice soon after opening', shortLives(fresh, 0, 2), 0, [1, 2, 3, 0]],
    ['leaves out a transport that the server does not offer', refused(fresh, 1, 'absent', 0), 0, [0, 2, 3]],
    ['has it again after ten minutes', refused(fresh, 1, 'absent', 0), 10 * minute, [0, 1, 2, 3]],
    ['leaves out a transport that the browser lacks for ever', refused(fresh, 0, 'unsupported', 0), 9e12, [1, 2, 3]],
    [
      'has all transports if none of them is offered',
      [0, 1, 2, 3].reduce((l, r) => refused(l, r, 'absent', 0), fresh),
      0,
      [0, 1, 2, 3],
    ],
    ['has a remembered transport first, while better ones rest', rankingOf(4, { rank: 2, until: minute }), 0, [2, 3, 0, 1]],
    ['has all in order again when the memory ends', rankingOf(4, { rank: 2, until: minute }), minute, [0, 1, 2, 3]],
  ])('%s', (_, ranking, now, order) => {
    expect(plan(ranking, now)).toEqual(order)
  })
})

describe('resting', () => {
  it('lasts 30 s and doubles to 10 minutes', () => {
    let ranking = fresh
    let now = 0
    const rests = Array.from({ length: 7 }, () => {
      ranking = rest(ranking, [0], now)
      const lasted = restUntil(ranking, 0) - now
      now += lasted
      return lasted / second
    })
    expect(rests).toEqual([30, 60, 120, 240, 480, 600, 600])
  })

  it('is not prolonged while it lasts', () => {
    const ranking = rest(fresh, [0], 0)
    expect(rest(ranking, [0], 29 * second)).toEqual(ranking)
  })

  it('ends when the transport is seen to work, and so does its absence', () => {
    const ranking = recovered(refused(rest(fresh, [0], 0), 0, 'absent', 0), 0)
    expect(plan(ranking, 0)).toEqual([0, 1, 2, 3])
  })

  it('is shortest again after a long life', () => {
    const tired = rest(rest(fresh, [0], 0), [0], minute)
    expect(restUntil(rest(ended(tired, 0, 'long'), [0], hour), 0)).toBe(hour + 30 * second)
  })
})

describe('demotion', () => {
  it('waits for a lower transport to be proven', () => {
    const suspect = shortLives(fresh, 0, 2)
    expect(restUntil(suspect, 0)).toBe(0)
    expect(restUntil(proven(suspect, 1, 0), 0)).toBe(5 * minute)
  })

  it('doubles from 5 minutes to an hour, and always ends', () => {
    let ranking = fresh
    let now = 0
    const lengths = Array.from({ length: 6 }, () => {
      ranking = proven(shortLives(ranking, 0, 2), 1, now)
      const lasted = restUntil(ranking, 0) - now
      expect(plan(ranking, now)[0]).toBe(1)
      now += lasted
      expect(plan(ranking, now)[0]).toBe(0)
      return lasted / minute
    })
    expect(lengths).toEqual([5, 10, 20, 40, 60, 60])
  })

  it('is for better transports only, and only for those that broke', () => {
    const ranking = proven(shortLives(shortLives(fresh, 0, 2), 3, 2), 2, 0)
    expect(ranking.records.map(({ restUntil }) => restUntil > 0)).toEqual([true, false, false, false])
    expect(atRank(ranking.records, 3).shortLives).toBe(2)
  })

  it.each<[string, Life, number]>([
    ['an end soon after opening is a short life', 'short', 2],
    ['an end that says nothing about the transport does not count', 'neutral', 1],
    ['a long life resets the count', 'long', 0],
  ])('%s', (_, life, count) => {
    expect(atRank(ended(shortLives(fresh, 0, 1), 0, life).records, 0).shortLives).toBe(count)
  })

  it('takes two short lives', () => {
    const first = [0, 1, 2, 3].map((times) => plan(shortLives(fresh, 0, times), 0)[0])
    expect(first).toEqual([0, 0, 1, 1])
  })
})

describe('an alternative to a transport that keeps breaking', () => {
  const suspect = shortLives(fresh, 0, 2)
  const allSuspect = [1, 2, 3].reduce((ranking, rank) => shortLives(ranking, rank, 2), suspect)
  it.each<[string, Ranking, boolean]>([
    ['is of no use to a healthy transport', fresh, false],
    ['is any healthy one', suspect, true],
    ['is of use only when it has just shown that it breaks', shortLives(fresh, 0, 3), false],
    ['is of use to one that holds back what it carries', withheld(fresh, 0), true],
    ['is none that rests', rest(suspect, [1, 2, 3], 0), false],
    ['is none that the server does not offer', [1, 2, 3].reduce((l, r) => refused(l, r, 'absent', 0), suspect), false],
    ['is none that breaks as well', allSuspect, false],
  ])('%s', (_, ranking, expected) => {
    expect(hasAlternative(ranking, 0, second)).toBe(expected)
  })
})

describe('giving up', () => {
  const absent = [1, 2, 3].reduce((ranking, rank) => refused(ranking, rank, 'absent', 0), fresh)
  const mute = refusals(absent, 0, 'mute', 3)
  const silentEverywhere = [0, 1, 2, 3].reduce((ranking, rank) => refusals(ranking, rank, 'mute', 3), fresh)
  const notInBrowser = [0, 1, 2, 3].reduce((ranking, rank) => refused(ranking, rank, 'unsupported', 0), fresh)
  it.each<[string, Ranking, number, number, boolean]>([
    ['three refusals, and the others not offered: hopeless', mute, 3, 0, true],
    ['not before the third round', mute, 2, 0, false],
    ['two refusals are not enough', refusals(absent, 0, 'mute', 2), 3, 0, false],
    ['refusals count in a row', refused(mute, 0, 'spoken', 0), 3, 0, false],
    ['a server that says nothing may only be down', silentEverywhere, 99, 0, false],
    ['a browser without any of the transports does not give up', notInBrowser, 99, 0, false],
    ['never when it has ever opened', refusals(opened(mute, 0), 0, 'mute', 9), 99, 0, false],
    ['never when any other transport has ever opened', refused(opened(mute, 1), 1, 'absent', 0), 99, 0, false],
    ['what the server said ten minutes ago is forgotten', mute, 99, 10 * minute, false],
    ['all not offered: hopeless', refused(absent, 0, 'absent', 0), 3, 0, true],
    ['a browser without WebSocket, and nothing offered: hopeless', refused(absent, 0, 'unsupported', 0), 3, 0, true],
  ])('%s', (_, ranking, rounds, now, expected) => {
    expect(isHopeless(ranking, rounds, 3 * minute, now)).toBe(expected)
    expect(isHopeless(ranking, rounds, 3 * minute - 1, now)).toBe(false)
  })
})

it('a transport that has opened counts as offered, whatever was said of it', () => {
  const ranking = opened(refusals(refused(fresh, 0, 'absent', 0), 0, 'mute', 3), 0)
  expect(atRank(ranking.records, 0)).toMatchObject({ absentUntil: 0, refusals: 0, hasOpened: true })
})

describe('when all transports fail', () => {
  it('demotions and rests are dropped, but not what the server does not offer, or that a transport once opened', () => {
    const learned = refused(shortLives(rest(proven(fresh, 1, 0), [0], 0), 2, 2), 3, 'absent', 0)
    const after = allFailed(opened(learned, 1))
    expect(after.preferred).toBeNull()
    expect(plan(after, 0)).toEqual([0, 1, 2])
    expect(atRank(after.records, 1).hasOpened).toBe(true)
  })

  const denied = refused(refused(refused(fresh, 0, 'unsupported', 0), 1, 'absent', 0), 2, 'absent', 0)
  it.each<[string, Ranking, number, number[]]>([
    ['are left out after the first round', denied, 1, [3]],
    ['are tried again after the second: a captive portal may have answered', denied, 2, [1, 2, 3]],
    ['are left out if another one has ever opened', opened(denied, 3), 2, [3]],
  ])('transports that are not offered %s', (_, ranking, failedRounds, order) => {
    expect(plan(reconsidered(ranking, failedRounds), 0)).toEqual(order)
  })
})

it('a transport that has opened is never left out, whatever a server answers during a deployment', () => {
  expect(plan(refused(opened(fresh, 1), 1, 'absent', 0), 0)).toEqual([0, 1, 2, 3])
})

describe('the transport to remember for the next visit', () => {
  const telling = (ranking: Ranking, ...ranks: number[]) => ranks.reduce((l, r) => refused(l, r, 'mute', 0, true), ranking)
  it.each<[string, Ranking, number | null]>([
    ['is none while nothing is proven', telling(fresh, 0), null],
    ['is the first transport where that is proven', proven(fresh, 0, 0), 0],
    ['is a lower one where each better one failed here', proven(telling(fresh, 0, 1), 2, 0), 2],
    ['is none where a better one has merely not been tried', proven(telling(fresh, 0), 2, 0), null],
    ['is none where a better one was held back', proven(refused(fresh, 0, 'spoken', 0), 1, 0), null],
    ['is a lower one where a better one was demoted', proven(shortLives(fresh, 0, 2), 1, 0), 1],
    ['is none where a better one works by now', proven(recovered(telling(fresh, 0), 0), 1, 0), null],
    ['is none where a better one has opened since', proven(opened(telling(fresh, 0), 0), 1, 0), null],
    ['is none of a round that failed as a whole', proven(reconsidered(telling(fresh, 0), 1), 1, 0), null],
    ['is that of the last visit', rankingOf(4, { rank: 2, until: minute }), 2],
  ])('%s', (_, ranking, expected) => {
    expect(transportToRemember(ranking)).toBe(expected)
  })
})

it('atRank() throws a RangeError for a transport that does not exist', () => {
  expect(() => atRank([], 0)).toThrow(RangeError)
})
