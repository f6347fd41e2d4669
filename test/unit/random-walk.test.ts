import { expect, test } from 'vitest'
import { RandomConnection } from '../support/random-connection.ts'
import { seeded, seedOf } from '../support/seeded.ts'

const walks = 2000
const stepsPerWalk = 600

test('a million random inputs in any order never violate an invariant of the machine', { timeout: 120_000 }, () => {
  const first = seedOf(process.env)
  let steps = 0
  for (let seed = first; seed < first + walks; seed += 1) {
    const connection = new RandomConnection(seeded(seed))
    let step = 0
    try {
      for (; step < stepsPerWalk; step += 1) connection.step()
      connection.apply({ type: 'close', code: 1000, reason: '' })
    } catch (error) {
      throw new Error(
        `SEED=${seed}, step ${step}: ${error instanceof Error ? error.message : error}\n${JSON.stringify(connection.state)}`,
      )
    }
    expect(connection.state.status).toBe('closed')
    steps += connection.steps
  }
  expect(steps, `SEED=${first}`).toBeGreaterThan(1_000_000)
})
