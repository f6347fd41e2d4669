import { tabScheduleOf } from './schedule.ts'
import { simulateTabs, type TabsOutcome } from './world.ts'

/** Runs `count` seeds; resolves with how many failed. */
export async function simulateSeeds(first: number, count: number, maxFailures: number, hasEnds: boolean): Promise<number> {
  const sums = { events: 0, handled: 0, received: 0, takeovers: 0 }
  const started = performance.now()
  let failed = 0
  let done = 0
  let saidAt = started
  for (let seed = first; seed < first + count && failed < maxFailures; seed += 1) {
    const outcome = await simulateTabs(tabScheduleOf(seed, hasEnds))
    done += 1
    for (const name of ['events', 'handled', 'received', 'takeovers'] as const) sums[name] += outcome[name]
    if (outcome.violation) {
      failed += 1
      console.log(`seed ${seed} breaks ${textOf(outcome)}`)
    }
    if (performance.now() - saidAt > 20_000) {
      saidAt = performance.now()
      console.log(`… ${done} seeds, ${(done / ((saidAt - started) / 1000)).toFixed(0)} a second`)
    }
  }
  console.log(
    `${done} seeds of tabs from ${first}: ${done - failed} passed, ${failed} failed; ${sums.events} events, ${sums.handled} messages up, ${sums.received} taken by tabs, ${sums.takeovers} leaders`,
  )
  return failed
}

/** Runs one seed and prints all its events. */
export async function tell(seed: number, hasEnds: boolean): Promise<boolean> {
  const outcome = await simulateTabs(tabScheduleOf(seed, hasEnds), true)
  console.log([...outcome.trace, outcome.violation ? textOf(outcome) : 'all is well'].join('\n'))
  return !outcome.violation
}

/** Runs seeds until one fails; resolves with its violation, or with `null`. For mutations, which should fail. */
export async function firstFailure(
  first: number,
  count: number,
  hasEnds: boolean,
): Promise<{ readonly seed: number; readonly text: string } | null> {
  for (let seed = first; seed < first + count; seed += 1) {
    const outcome = await simulateTabs(tabScheduleOf(seed, hasEnds))
    if (outcome.violation) return { seed, text: textOf(outcome) }
  }
  return null
}

function textOf({ violation }: TabsOutcome): string {
  return `${violation?.invariant}: ${violation?.detail}`
}
