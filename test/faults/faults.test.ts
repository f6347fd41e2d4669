import { describe, expect, it } from 'vitest'
import { type EngineName, missingFor } from '../support/engines.ts'
import { SCRIPT } from '../support/page-client.ts'
import { faults } from './catalogue/index.ts'
import { type Mode, modes } from './fault.ts'
import { runLab } from './lab.ts'
import { markOf, scoresOf } from './score.ts'
import { tableOf } from './table.ts'

/** What the client must find out of all faults, as shares; nothing may be told as certain that is not true. */
const thresholds: Readonly<Record<Mode, { parent: number; exact: number; wrong: number }>> = {
  plain: { parent: 0.97, exact: 0, wrong: 1 },
  session: { parent: 0.97, exact: 0.69, wrong: 0.01 },
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
    for (const { mode, parent, exact, wrong, certainWrong } of scoresOf(results)) {
      const least = thresholds[mode]
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
        marks.every(({ isParent }) => isParent),
        table,
      ).toBe(true)
      expect(
        marks.some(({ isCertainWrong }) => isCertainWrong),
        table,
      ).toBe(false)
    })
  }
})
