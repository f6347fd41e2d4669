import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { mutations } from '../simulation/tabs/mutations.mjs'
import { tabScheduleOf } from '../simulation/tabs/schedule.ts'
import { simulateTabs } from '../simulation/tabs/world.ts'
import { seedOf } from '../support/seeded.ts'

const seeds = 300
// `SEED=… vitest` begins at that seed; without it every run sees others.
const first = seedOf(process.env) % 2 ** 31

test(`no message is lost, repeated or out of order in tabs that share a connection, whatever happens to them (SEED=${first})`, {
  timeout: 180_000,
}, async () => {
  for (let seed = first; seed < first + seeds; seed += 1) {
    const { violation } = await simulateTabs(tabScheduleOf(seed))
    if (violation) expect.fail(`seed ${seed} breaks ${violation.invariant}: ${violation.detail}`)
  }
})

test('a seed determines everything that happens to the tabs', async () => {
  for (const seed of [1, 2, 3]) {
    const one = await simulateTabs(tabScheduleOf(seed), true)
    expect(await simulateTabs(tabScheduleOf(seed), true)).toEqual(one)
    expect(one.events).toBeGreaterThan(20)
  }
})

test('every mutation of `npm run simulate -- --tabs --mutations` still fits the sources', async () => {
  for (const { name, file, from } of mutations) {
    const source = await readFile(file, 'utf8')
    expect(source.split(from).length - 1, `${name} in ${file}`).toBe(1)
  }
})
