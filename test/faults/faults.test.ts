import { describe, expect, it } from 'vitest'
import { type EngineName, missingFor } from '../support/engines.ts'
import { SCRIPT } from '../support/page-client.ts'
import { faults } from './catalogue/index.ts'
import { modes } from './fault.ts'
import { runLab } from './lab.ts'
import { markOf, scoresOf } from './score.ts'
import { tableOf } from './table.ts'

/** What the client must find out of all faults, as shares; nothing may be told as certain that is not true. */
const thresholds: Readonly<Record<string, { readonly parent: number; readonly exact: number; readonly wrong: number }>> = {
  'cors plain': { parent: 0.92, exact: 0.6, wrong: 0.02 },
  'cors session': { parent: 0.96, exact: 0.69, wrong: 0.02 },
  'no-cors plain': { parent: 0.54, exact: 0.1, wrong: 0.07 },
  'same-origin plain': { parent: 0.82, exact: 0.4, wrong: 0.05 },
  'boxes session': { parent: 0.92, exact: 0.6, wrong: 0.03 },
}

/** One of each kind, for the engines that are not tried with all. */
const chosen = [
  'tcp_refused',
  'tls_expired',
  'bad_accept',
  'strip_upgrade',
  'mb_502',
  'h_403',
  'close_4001',
  'bad_utf8',
  'open_fin',
  'sse_trunc_chunked',
  'lp_401',
  'csp_block',
]

const timeoutMs = 300_000

function testIn(engine: EngineName) {
  return missingFor(engine).length > 0 && !process.env['CI'] ? it.skip : it
}

describe('the client tells what went wrong', () => {
  testIn('chromium')(`in chromium, of ${faults.length} faults`, { timeout: timeoutMs }, async () => {
    const results = await runLab({ engine: 'chromium', script: SCRIPT, faults, modes })
    const table = tableOf(results)
    for (const { mode, deployment, parent, exact, wrong, certainWrong } of scoresOf(results)) {
      const least = thresholds[`${deployment} ${mode}`] ?? { parent: 1, exact: 1, wrong: 0 }
      expect(parent, table).toBeGreaterThanOrEqual(least.parent)
      expect(exact, table).toBeGreaterThanOrEqual(least.exact)
      expect(wrong, table).toBeLessThanOrEqual(least.wrong)
      expect(certainWrong, table).toBe(0)
    }
  })

  for (const engine of ['firefox', 'webkit'] as const) {
    testIn(engine)(`in ${engine}, of ${chosen.length} faults`, { timeout: timeoutMs }, async () => {
      const some = faults.filter(({ name }) => chosen.includes(name))
      expect(some).toHaveLength(chosen.length)
      const results = await runLab({ engine, script: SCRIPT, faults: some, modes })
      const table = tableOf(results)
      const marks = results.map(markOf)
      expect(
        marks.every(({ isParent, isRight }) => isParent || isRight),
        table,
      ).toBe(true)
      expect(
        marks.some(({ isCertainWrong }) => isCertainWrong),
        table,
      ).toBe(false)
    })
  }
})
