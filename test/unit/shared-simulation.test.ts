import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { mutations } from '../simulation/tabs/mutations.mjs'
import { tabScheduleOf } from '../simulation/tabs/schedule.ts'
import { simulateTabs } from '../simulation/tabs/world.ts'
import { seedOf } from '../support/seeded.ts'

const seeds = 300
const seedsWithEnds = 100
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

test(`so it is if the server ends sessions, and the applications connect again (SEED=${first})`, {
  timeout: 120_000,
}, async () => {
  for (let seed = first; seed < first + seedsWithEnds; seed += 1) {
    const { violation } = await simulateTabs(tabScheduleOf(seed, true))
    if (violation) expect.fail(`seed ${seed} (--ends) breaks ${violation.invariant}: ${violation.detail}`)
  }
})

// 33: a tab was opened after the server had ended the session. 91007813, 91012750: a leader that had been frozen had read more
// than the one that began the next session, or a tab was about to lead meanwhile. 91012669: a leader began the next session, and
// another took over before it received the last frames of the session before. 92007408: a tab joined meanwhile. 92000231: a leader
// began two sessions in a row. 92003821: a tab came back to another session, whose messages it got before `open`. 92004135: the
// leader had numbered an `unsubscribe` just before the session ended. 93005057: and crashed. 93009004: what a tab was to drop of a
// topic's stream was dropped in the next session, too. 94005223: a tab joined meanwhile that had never joined before. 9109671: the
// only tab that was left had been hidden between the `error` and the `close` of a session that the server had ended.
test.each([
  33, 91_007_813, 91_012_669, 91_012_750, 92_000_231, 92_003_821, 92_004_135, 92_007_408, 93_005_057, 93_009_004, 94_005_223,
  9_109_671,
])('seed %i with ends, which once failed, passes', async (seed) => {
  const { violation } = await simulateTabs(tabScheduleOf(seed, true))
  expect(violation).toBeNull()
})

// 33, 1295: a tab was closed and opened again at once, alone; it resumed the session that it had ended, or what it knew of it.
// 567: a tab was hidden before it knew the session, and was given the past of others when it came back.
// 9000247, 9001990: a tab had read more than the leader that it joined. 9001310: a leader forgot what the others had received.
// 9003244: a tab came back, led, and did not know what another had begun to use meanwhile. 9004946: a tab was away twice in 5 s.
// 11432, 9009578: a tab joined another session and then the first one again, or was opened again, and read messages once more.
// 9003481: a tab joined twice, and the answer to the first `join` lacked what it dropped at the second.
// 9024193: a tab whose messages no other had received was away. 9025291: a tab stepped down while frames that it had posted were
// on their way. 26527: the last tab led again while it ended the session. 26899: an opened tab got a topic's newest messages first.
// 9059524: a tab joined its session again after another, and was told of nothing that it had missed.
// 9042322: a tab ceased to use a topic while the next leader was away.
// 9000999: a tab joined another session, whose streams had the same numbers.
// 9007605, 30019292: a tab that had been frozen stole the lock of the tab that had taken over, or reported its own loss as an error.
// 2010357: a leader left before it received the numbers that it had given to another tab's messages, and that tab did receive.
// 500664: the leader unsubscribed from a topic that only a tab in the back/forward cache used, and a third tab subscribed to it.
// 904020590: a tab that began another session obeyed the leader of the one before until its own claim came back.
// 910002804: a frozen tab had received numbers of messages that the next leader had not, and kept them.
// 9017622: two tabs asked for earlier messages of one topic, and the second replaced the stream of the first.
test.each([
  33, 567, 1295, 11_432, 26_527, 26_899, 9_000_247, 9_000_999, 9_001_310, 9_001_990, 9_003_244, 9_003_481, 9_004_946, 9_007_605,
  500_664, 2_010_357, 9_009_578, 9_017_622, 9_024_193, 9_025_291, 9_042_322, 9_059_524, 30_019_292, 904_020_590,
])('seed %i, which once failed, passes', async (seed) => {
  const { violation } = await simulateTabs(tabScheduleOf(seed))
  expect(violation).toBeNull()
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
