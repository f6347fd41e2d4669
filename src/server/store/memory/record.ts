import { copyOf } from '../../session/record.ts'
import type { SessionRecord } from '../ports.ts'

/**
 * A record as the store keeps it. Records are immutable: a writer creates a new one. Only the application could mutate its own
 * values, the principal and the data, so the store keeps a frozen copy of them, until the writer replaces them.
 * @param before the record that the writer replaces, and `kept`: the store's copy of it
 */
export function keptRecord(
  record: SessionRecord,
  before: SessionRecord | undefined,
  kept: SessionRecord | undefined,
): SessionRecord {
  const principal = kept && record.principal === before?.principal ? kept.principal : keptJson(record.principal)
  const data = kept && record.data === before?.data ? kept.data : keptJson(record.data)
  return principal === record.principal && data === record.data ? record : Object.assign(copyOf(record), { principal, data })
}

/** A value after a round trip through JSON, as a store in another process would return it. */
export function keptJson(value: unknown): unknown {
  // A copy could not differ: the one anonymous principal is shared by all sessions.
  if (isFrozenJson(value)) return value
  const text = JSON.stringify(value)
  return text === undefined ? null : deeplyFrozen(JSON.parse(text))
}

/** Whether a value equals its JSON, and nobody can change it. */
function isFrozenJson(value: unknown): boolean {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return true
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0)
  if (typeof value !== 'object' || !Object.isFrozen(value)) return false
  const isPlain = Object.getPrototypeOf(value) === Object.prototype && Object.getOwnPropertySymbols(value).length === 0
  const descriptors = Object.values(Object.getOwnPropertyDescriptors(value))
  return isPlain && descriptors.every((each) => each.enumerable === true && 'value' in each && isFrozenJson(each.value))
}

function deeplyFrozen(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  for (const part of Object.values(value)) deeplyFrozen(part)
  return Object.freeze(value)
}
