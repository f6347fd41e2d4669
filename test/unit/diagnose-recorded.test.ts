import { expect, it } from 'vitest'
import { faults } from '../faults/catalogue/index.ts'
import { recordedCounts, rejudged } from '../faults/recorded.ts'
import { markOf } from '../faults/score.ts'

/** What the client must find out of the faults that three browsers were seen with, as shares. */
const reach = {
  'chromium plain': { parent: 0.97, exact: 0, wrong: 1 },
  'chromium session': { parent: 0.97, exact: 0.69, wrong: 0.01 },
  'firefox plain': { parent: 0.93, exact: 0, wrong: 1 },
  'firefox session': { parent: 0.97, exact: 0.6, wrong: 0.02 },
  'webkit plain': { parent: 0.75, exact: 0, wrong: 1 },
  'webkit session': { parent: 0.96, exact: 0.69, wrong: 0.03 },
}

it.each(recordedCounts())('in $engine, $mode: parent $parent, exact $exact, wrong $wrong', (score) => {
  const { parent, exact, wrong } = reach[`${score.engine} ${score.mode}`]
  expect(score.parent).toBeGreaterThanOrEqual(parent)
  expect(score.exact).toBeGreaterThanOrEqual(exact)
  expect(score.wrong).toBeLessThanOrEqual(wrong)
})

it('what is told as certain is never wrong', () => {
  expect(rejudged().filter((each) => markOf(each).isCertainWrong)).toEqual([])
})

it('every fault was recorded, at least ninety in each browser, and each has its truth', () => {
  const recorded = rejudged()
  expect(new Set(recorded.map(({ fault }) => fault))).toEqual(new Set(faults.map(({ name }) => name)))
  for (const engine of ['chromium', 'firefox', 'webkit'])
    expect(new Set(recorded.filter((each) => each.engine === engine).map(({ fault }) => fault)).size).toBeGreaterThanOrEqual(90)
})
