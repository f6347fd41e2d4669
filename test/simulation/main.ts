import { failureOf } from './report.ts'
import { scheduleOf } from './schedule.ts'
import { simulate } from './world.ts'

/** Runs `count` seeds; resolves with how many failed. */
export async function simulateSeeds(first: number, count: number, maxFailures: number): Promise<number> {
  const sums = { events: 0, virtualMs: 0, sent: 0, received: 0, repeats: 0, gaps: 0, longestMs: 0, longestSeed: first }
  const started = performance.now()
  const failures = new Map<string, number>()
  let done = 0
  let saidAt = started
  for (let seed = first; seed < first + count; seed += 1) {
    const outcome = await simulate(scheduleOf(seed))
    done += 1
    sums.events += outcome.events
    sums.virtualMs += outcome.virtualMs
    sums.sent += outcome.sent
    sums.received += outcome.received
    sums.repeats += outcome.repeats
    sums.gaps += outcome.gaps
    if (outcome.recoveryMs > sums.longestMs) Object.assign(sums, { longestMs: outcome.recoveryMs, longestSeed: seed })
    const { violation } = outcome
    if (violation) {
      const before = failures.get(violation.invariant) ?? 0
      failures.set(violation.invariant, before + 1)
      if (before === 0) console.log(`${await failureOf(seed, outcome)}\n`)
      else console.log(`seed ${seed} breaks ${violation.invariant}: ${violation.detail}`)
      if ([...failures.values()].reduce((sum, each) => sum + each, 0) >= maxFailures) break
    }
    if (performance.now() - saidAt > 10_000) {
      saidAt = performance.now()
      console.log(`… ${done} seeds, ${(done / ((saidAt - started) / 1000)).toFixed(0)} a second`)
    }
  }
  const tookMs = performance.now() - started
  const failed = [...failures.values()].reduce((sum, each) => sum + each, 0)
  console.log(
    [
      `${done} seeds from ${first}: ${done - failed} passed, ${failed} failed, ${(done / (tookMs / 1000)).toFixed(0)} seeds a second`,
      `${Math.round(sums.events / done)} events and ${Math.round(sums.virtualMs / done / 1000)} virtual seconds a seed; ${sums.sent} messages up, ${sums.received} down, ${sums.repeats} redelivered, ${sums.gaps} gaps`,
      `longest way back to everything delivered: ${Math.round(sums.longestMs / 1000)} s (seed ${sums.longestSeed})`,
      ...[...failures].map(([invariant, times]) => `${invariant}: ${times}`),
    ].join('\n'),
  )
  return failed
}

/** Runs one seed and prints all its events. */
export async function tell(seed: number): Promise<boolean> {
  const { violation, trace, events } = await simulate(scheduleOf(seed), true)
  console.log(
    [...trace, `${events} events`, violation ? `${violation.invariant}: ${violation.detail}` : 'all is well'].join('\n'),
  )
  return !violation
}

/** Runs seeds until one fails; resolves with its violation, or with `null`. For mutations, which should fail. */
export async function firstFailure(
  first: number,
  count: number,
): Promise<{ readonly seed: number; readonly text: string } | null> {
  for (let seed = first; seed < first + count; seed += 1) {
    const { violation } = await simulate(scheduleOf(seed))
    if (violation) return { seed, text: `${violation.invariant}: ${violation.detail}` }
  }
  return null
}
