import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { mutations } from '../simulation/mutations.mjs'
import { failureOf } from '../simulation/report.ts'
import { scheduleOf } from '../simulation/schedule.ts'
import { simulate } from '../simulation/world.ts'
import { seedOf } from '../support/seeded.ts'

const seeds = 400
// `SEED=… vitest` begins at that seed; without it every run sees others.
const first = seedOf(process.env) % 2 ** 31

test(`[SP1] [SP2] [SP3] [SP4] [SP5] no message is lost, repeated or reordered, whatever the network, the page and the nodes do (SEED=${first})`, {
  timeout: 180_000,
}, async () => {
  for (let seed = first; seed < first + seeds; seed += 1) {
    const outcome = await simulate(scheduleOf(seed))
    if (outcome.violation) expect.fail(await failureOf(seed, outcome))
  }
})

// 5613: a poll overtook the next one of its dial, which then ended with 4409.
// 8403: a session was forgotten while a WebSocket with an older hello was connecting; its `open` knew less than was acknowledged.
// 300,846: the same, while messages that its hello did not know of were written over another attachment.
// 57693: a session ended with a request open while a write was under way, and its node settled the record for ever.
// 30,858: the answer to a POST acknowledged a request of a lost session's new life before the client knew of that life.
// 500,019: a topic was evicted and began anew at another node, while this one had read its messages of before for others.
test.each([5613, 8403, 30_858, 57_693, 300_846, 500_019])('seed %i, which once failed, passes', async (seed) => {
  const { violation } = await simulate(scheduleOf(seed))
  expect(violation).toBeNull()
})

test('a seed determines everything that happens', async () => {
  for (const seed of [1, 2, 3]) {
    const first = await simulate(scheduleOf(seed), true)
    const second = await simulate(scheduleOf(seed), true)
    expect(second).toEqual(first)
    expect(first.events).toBeGreaterThan(20)
  }
})

test('every mutation of `npm run simulate -- --mutations` still fits the sources', async () => {
  for (const { name, file, from } of mutations) {
    const source = await readFile(file, 'utf8')
    expect(source.split(from).length - 1, `${name} in ${file}`).toBe(1)
  }
})
