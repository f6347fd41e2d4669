import { expect, it } from 'vitest'
import { faults } from '../faults/catalogue/index.ts'
import { recordedCounts, rejudged } from '../faults/recorded.ts'
import { markOf } from '../faults/score.ts'

/** What the client must find out of the faults that three browsers were seen with, as shares. */
const reach: Readonly<Record<string, { readonly parent: number; readonly exact: number; readonly wrong: number }>> = {
  // A box that answers everything without CORS looks like a server that sends none and a WebSocket that fails.
  'chromium cors plain': { parent: 0.92, exact: 0.64, wrong: 0.01 },
  'chromium cors session': { parent: 0.97, exact: 0.78, wrong: 0.01 },
  'firefox cors plain': { parent: 0.9, exact: 0.53, wrong: 0.01 },
  'firefox cors session': { parent: 0.96, exact: 0.69, wrong: 0.01 },
  'webkit cors plain': { parent: 0.89, exact: 0.46, wrong: 0.01 },
  'webkit cors session': { parent: 0.96, exact: 0.8, wrong: 0.01 },
  'chromium no-cors plain': { parent: 0.56, exact: 0.1, wrong: 0.05 },
  'chromium same-origin plain': { parent: 0.86, exact: 0.45, wrong: 0.02 },
  'chromium boxes session': { parent: 0.97, exact: 0.7, wrong: 0.01 },
}

it.each(recordedCounts())('in $engine, $deployment, $mode: parent $parent, exact $exact, wrong $wrong', (score) => {
  const least = reach[`${score.engine} ${score.deployment} ${score.mode}`]
  expect(score.parent).toBeGreaterThanOrEqual(least?.parent ?? 1)
  expect(score.exact).toBeGreaterThanOrEqual(least?.exact ?? 1)
  expect(score.wrong).toBeLessThanOrEqual(least?.wrong ?? 0)
})

it('what is told as certain is never wrong', () => {
  expect(rejudged().filter((each) => markOf(each).isCertainWrong)).toEqual([])
})

it('every fault was recorded, at least ninety in each browser, and each has its truth', () => {
  const recorded = rejudged()
  const known = new Set(faults.map(({ name }) => name))
  expect([...new Set(recorded.map(({ fault }) => fault))].filter((name) => !known.has(name))).toEqual([])
  // The policies of a page are tried live only.
  const names = new Set(recorded.map(({ fault }) => fault))
  expect([...known].filter((name) => !names.has(name))).toEqual(['csp_report_only'])
  for (const engine of ['chromium', 'firefox', 'webkit'])
    expect(new Set(recorded.filter((each) => each.engine === engine).map(({ fault }) => fault)).size).toBeGreaterThanOrEqual(90)
})
