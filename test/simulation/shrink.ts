import type { Operation, Schedule } from './operations.ts'
import type { Violation } from './violation.ts'
import { simulate } from './world.ts'

/**
 * The shortest schedule that still breaks the same invariant: delta debugging (Zeller, Hildebrandt 2002) over the list of
 * operations, followed by simplifications of the remaining ones.
 */
export async function shrunk(schedule: Schedule, { invariant }: Violation): Promise<Schedule> {
  const fails = async (each: Schedule) => (await simulate(each)).violation?.invariant === invariant
  let shortest = schedule
  const tryOut = async (candidate: Schedule) => {
    if (!(await fails(candidate))) return false
    shortest = candidate
    return true
  }
  let parts = 2
  while (shortest.operations.length > 0) {
    const { operations } = shortest
    const size = Math.max(1, Math.ceil(operations.length / parts))
    let hasShrunk = false
    for (let from = 0; from < operations.length; from += size) {
      const rest = [...operations.slice(0, from), ...operations.slice(from + size)]
      hasShrunk = await tryOut({ ...shortest, operations: rest })
      if (hasShrunk) break
    }
    if (hasShrunk) parts = Math.max(2, parts - 1)
    else if (size === 1) break
    else parts = Math.min(operations.length, 2 * parts)
  }
  for (const simpler of simplerSettings(shortest)) await tryOut({ ...shortest, setting: { ...shortest.setting, ...simpler } })
  for (let index = 0; index < shortest.operations.length; index += 1) {
    for (;;) {
      const operation = shortest.operations[index]
      const candidates = operation ? simplerOperations(operation) : []
      let hasShrunk = false
      for (const candidate of candidates) {
        const operations = shortest.operations.map((each, at) => (at === index ? candidate : each))
        hasShrunk = await tryOut({ ...shortest, operations })
        if (hasShrunk) break
      }
      if (!hasShrunk) break
    }
  }
  const lastAt = shortest.operations.at(-1)?.at ?? 0
  for (const endMs of [lastAt + 1, lastAt + 1000, lastAt + 10_000]) {
    if (endMs < shortest.endMs && (await tryOut({ ...shortest, endMs }))) break
  }
  return shortest
}

function simplerSettings({ setting }: Schedule): Partial<Schedule['setting']>[] {
  const only = Array.from({ length: setting.lastTransport - setting.firstTransport + 1 }, (_, index) => ({
    firstTransport: setting.firstTransport + index,
    lastTransport: setting.firstTransport + index,
  }))
  return [
    { storeMs: 0 },
    { handlerMs: 0 },
    { throwShare: 0 },
    { echoShare: 0 },
    { socketBytes: 65_536 },
    { remembered: null },
    ...(only.length > 1 ? only : []),
  ]
}

function simplerOperations(operation: Operation): Operation[] {
  const simpler: Operation[] = []
  if ('count' in operation && operation.count > 1) simpler.push({ ...operation, count: 1 })
  if ('size' in operation && operation.size > 1) simpler.push({ ...operation, size: 1 })
  if ('kind' in operation && operation.kind === 'binary') simpler.push({ ...operation, kind: 'text' })
  return simpler
}
