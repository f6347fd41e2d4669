import { describeOperation, type Schedule } from './operations.ts'
import { scheduleOf } from './schedule.ts'
import { shrunk } from './shrink.ts'
import { type Outcome, simulate } from './world.ts'

const tailLines = 80

/** The report on a failing seed: the invariant, the shortest schedule, and its last events. */
export async function failureOf(seed: number, { violation }: Outcome): Promise<string> {
  if (!violation) return ''
  const whole = scheduleOf(seed)
  const shortest = await shrunk(whole, violation)
  const { violation: last, trace } = await simulate(shortest, true)
  return [
    `seed ${seed} breaks ${violation.invariant}: ${violation.detail}`,
    '',
    `the shortest schedule (${shortest.operations.length} of ${whole.operations.length} operations) breaks it as well: ${last?.detail}`,
    ...describeSchedule(shortest),
    '',
    `the last of what happens in it:`,
    ...trace.slice(-tailLines),
  ].join('\n')
}

export function describeSchedule({ setting, operations, endMs }: Schedule): string[] {
  return [
    `  ${JSON.stringify(setting)}`,
    ...operations.map((operation) => `  ${String(operation.at).padStart(7)} ms  ${describeOperation(operation)}`),
    `  ${String(endMs).padStart(7)} ms  the network is whole`,
  ]
}
