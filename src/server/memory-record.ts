import type { SessionRecord } from './ports.ts'
import { copyOf } from './record.ts'

/**
 * A record that nobody can change any more, of a record that its writer may go on changing. What the writer took over from
 * the record before is frozen already and is not copied again.
 */
export function frozenRecord(record: SessionRecord, before: SessionRecord | undefined): SessionRecord {
  const copy = copyOf(record)
  copy.principal = before && record.principal === before.principal ? record.principal : frozenJson(record.principal)
  copy.data = before && record.data === before.data ? record.data : frozenJson(record.data)
  copy.lease = record.lease && frozenFlat(record.lease)
  copy.subscriptions =
    before && record.subscriptions === before.subscriptions ? record.subscriptions : frozenList(record.subscriptions)
  copy.lastEnd = record.lastEnd && frozenFlat(record.lastEnd)
  copy.ended = record.ended && frozenFlat(record.ended)
  return Object.freeze(copy)
}

/** A copy of an object that holds no other objects. */
export function frozenFlat<Flat extends object>(flat: Flat): Flat {
  return Object.isFrozen(flat) ? flat : Object.freeze(Object.assign({}, flat))
}

const none: readonly never[] = Object.freeze([])

function frozenList<Flat extends object>(list: readonly Flat[]): readonly Flat[] {
  return list.length === 0 ? none : Object.freeze(list.map(frozenFlat))
}

/** What JSON makes of a value, as it would come back from a store that is another process. */
function frozenJson(value: unknown): unknown {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value
  const text = JSON.stringify(value)
  return text === undefined ? null : deeplyFrozen(JSON.parse(text))
}

function deeplyFrozen(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  for (const part of Object.values(value)) deeplyFrozen(part)
  return Object.freeze(value)
}
