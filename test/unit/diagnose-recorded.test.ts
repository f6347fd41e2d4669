import { expect, it } from 'vitest'
import { sets } from '../faults/catalogue/index.ts'
import { chosen } from '../faults/chosen.ts'
import { deployments } from '../faults/fault.ts'
import { reachOf } from '../faults/reach.ts'
import { recordedCounts, rejudged } from '../faults/recorded.ts'
import { markOf } from '../faults/score.ts'

const engines = ['chromium', 'firefox', 'webkit'] as const

it.each(recordedCounts())('$deployment, $mode, in $engine: parent $parent, exact $exact, wrong $wrongCount', (score) => {
  const { parent, exact, wrong } = reachOf(score.engine, score.deployment, score.mode)
  const missed = rejudged().filter((each) => {
    const isSame = each.engine === score.engine && each.deployment === score.deployment && each.mode === score.mode
    return isSame && !markOf(each).isParent
  })
  const list = missed.map(({ fault, told }) => `${fault}: ${told?.cause}`).join('\n')
  expect(score.parent, list).toBeGreaterThanOrEqual(parent)
  expect(score.exact, list).toBeGreaterThanOrEqual(exact)
  expect(score.wrongCount, list).toBeLessThanOrEqual(wrong)
})

it('a diagnosis that is certain is never wrong', () => {
  expect(rejudged().filter((each) => markOf(each).isCertainWrong)).toEqual([])
})

it.each(sets)(
  'every fault of the deployment $deployment was recorded, and most of them in each browser',
  ({ deployment, faults }) => {
    const recorded = rejudged().filter((each) => each.deployment === deployment)
    expect(new Set(recorded.map(({ fault }) => fault))).toEqual(new Set(faults.map(({ name }) => name)))
    for (const engine of engines) {
      const names = new Set(recorded.filter((each) => each.engine === engine).map(({ fault }) => fault))
      expect(names.size).toBeGreaterThanOrEqual(0.85 * faults.length)
    }
  },
)

it('there is a score for every browser in every deployment and mode', () => {
  const combinations = Object.entries(deployments).flatMap(([deployment, { modes }]) =>
    modes.flatMap((mode) => engines.map((engine) => `${deployment} ${mode} ${engine}`)),
  )
  const scored = recordedCounts().map(({ deployment, mode, engine }) => `${deployment} ${mode} ${engine}`)
  expect(scored.sort()).toEqual(combinations.sort())
})

it.each(chosen)('every fault chosen for $deployment was diagnosed at least as its parent cause', ({ deployment, faults }) => {
  const names = faults.map(({ name }) => name)
  const judged = rejudged().filter((each) => each.deployment === deployment && names.includes(each.fault))
  expect(
    judged.filter((each) => !markOf(each).isParent).map(({ engine, fault, told }) => `${engine} ${fault}: ${told?.cause}`),
  ).toEqual([])
})
