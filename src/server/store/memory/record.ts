import { copyOf } from '../../session/record.ts'
import type { SessionRecord } from '../ports.ts'

/**
 * What the store keeps of a record. A record is a value, and its writer makes another one rather than change it. Only what is the
 * application's own, the principal and the data, may be changed behind the store's back: of that it keeps a copy, which nobody
 * can write to, when it is another than before.
 */
export function keptRecord(record: SessionRecord, before: SessionRecord | undefined): SessionRecord {
  const isKnown = before && record.principal === before.principal && record.data === before.data
  return isKnown ? record : Object.assign(copyOf(record), { principal: kept(record.principal), data: kept(record.data) })
}

/** What JSON makes of a value, as it would come back from a store that is another process. */
function kept(value: unknown): unknown {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value
  const text = JSON.stringify(value)
  return text === undefined ? null : deeplyFrozen(JSON.parse(text))
}

function deeplyFrozen(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  for (const part of Object.values(value)) deeplyFrozen(part)
  return Object.freeze(value)
}
