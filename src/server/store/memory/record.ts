import { copyOf } from '../../session/record.ts'
import type { SessionRecord } from '../ports.ts'

/**
 * A record as the store keeps it. Records are immutable: a writer creates a new one. Only the application could mutate its own
 * values, the principal and the data: if they differ from those before, the store keeps a frozen copy of them.
 */
export function keptRecord(record: SessionRecord, before: SessionRecord | undefined): SessionRecord {
  const isKnown = before && record.principal === before.principal && record.data === before.data
  return isKnown ? record : Object.assign(copyOf(record), { principal: keptJson(record.principal), data: keptJson(record.data) })
}

/** A value after a round trip through JSON, as a store in another process would return it. */
export function keptJson(value: unknown): unknown {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value
  const text = JSON.stringify(value)
  return text === undefined ? null : deeplyFrozen(JSON.parse(text))
}

function deeplyFrozen(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  for (const part of Object.values(value)) deeplyFrozen(part)
  return Object.freeze(value)
}
