import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type EngineName, engineEquipment } from '../support/engines.ts'
import { isEquippedWith, want } from '../support/equipment.ts'
import { SCRIPT } from '../support/page-client.ts'
import { sets } from './catalogue/index.ts'
import { chosen } from './chosen.ts'
import { deployments, modes } from './fault.ts'
import { type Result, runLab } from './lab.ts'
import { reachOf, reachOfChosen } from './reach.ts'
import { scoresOf } from './score.ts'
import { tableOf } from './table.ts'

const timeoutMs = 400_000

async function canRun(engine: EngineName): Promise<boolean> {
  return (await isEquippedWith(engineEquipment[engine])) && (await isEquippedWith('openssl'))
}

describe('the client diagnoses the faults of the lab', () => {
  for (const engine of ['chromium', 'firefox', 'webkit'] as const) {
    // Only Chromium runs all faults.
    const tried = engine === 'chromium' ? sets : chosen

    describe(`in ${engine}`, () => {
      let results: readonly Result[] = []

      beforeAll(async () => {
        if (!(await canRun(engine))) return
        results = await runLab({ engine, script: SCRIPT, sets: tried, modes })
      }, timeoutMs)
      beforeEach(async (context) => {
        await want(context, engineEquipment[engine])
        await want(context, 'openssl')
      })

      for (const { deployment, faults } of tried) {
        for (const mode of deployments[deployment].modes) {
          it(`${deployment}, ${mode}: enough of ${faults.length} faults, and none wrongly as certain`, () => {
            const told = results.filter((each) => each.deployment === deployment && each.mode === mode)
            const table = tableOf(told)
            const [score] = scoresOf(told)
            const reach = engine === 'chromium' ? reachOf(engine, deployment, mode) : reachOfChosen
            expect(score?.certainWrong, table).toBe(0)
            expect(score?.parent, table).toBeGreaterThanOrEqual(reach.parent)
            expect(score?.exact, table).toBeGreaterThanOrEqual(reach.exact)
            expect(score?.wrongCount, table).toBeLessThanOrEqual(reach.wrong)
          })
        }
      }
    })
  }
})
